package check

import (
	"strings"
	"sync"
)

// What English says about whether something has happened. A word is a fact when
// it is a past tense or a past participle: paid, sent, cancelled. Regular forms
// are recognised by their ending, so any verb will do; the lists below are
// needed for irregular ones, and to tell a command from a thing and to propose
// the right form.

// irregularVerbs: base, past, participle; several forms with a slash.
const irregularVerbs = `arise arose arisen
awake awoke/awaked awoken/awaked
be was/were been
bear bore borne/born
beat beat beaten
become became become
befall befell befallen
beget begot begotten
begin began begun
behold beheld beheld
bend bent bent
beset beset beset
bespeak bespoke bespoken
bet bet bet
bid bid/bade bid/bidden
bind bound bound
bite bit bitten
bleed bled bled
blow blew blown
break broke broken
breed bred bred
bring brought brought
broadcast broadcast broadcast
build built built
burn burnt/burned burnt/burned
burst burst burst
buy bought bought
cast cast cast
catch caught caught
choose chose chosen
cling clung clung
come came come
cost cost cost
creep crept crept
cut cut cut
deal dealt dealt
dig dug dug
do did done
draw drew drawn
dream dreamt/dreamed dreamt/dreamed
drink drank drunk
drive drove driven
dwell dwelt dwelt
eat ate eaten
fall fell fallen
feed fed fed
feel felt felt
fight fought fought
find found found
flee fled fled
fling flung flung
fly flew flown
forbid forbade/forbad forbidden
forecast forecast forecast
foresee foresaw foreseen
forget forgot forgotten
forgive forgave forgiven
forgo forwent forgone
forsake forsook forsaken
freeze froze frozen
get got got/gotten
give gave given
go went gone
grind ground ground
grow grew grown
hang hung/hanged hung/hanged
have had had
hear heard heard
hew hewed hewn
hide hid hidden
hit hit hit
hold held held
hurt hurt hurt
keep kept kept
kneel knelt knelt
know knew known
lay laid laid
lead led led
lean leant/leaned leant/leaned
leap leapt/leaped leapt/leaped
learn learnt/learned learnt/learned
leave left left
lend lent lent
let let let
lie lay lain
light lit/lighted lit/lighted
lose lost lost
make made made
mean meant meant
meet met met
mow mowed mown
overcome overcame overcome
partake partook partaken
pay paid paid
plead pled/pleaded pled/pleaded
prove proved proven
put put put
quit quit quit
read read read
rend rent rent
reset reset reset
rid rid rid
ride rode ridden
ring rang rung
rise rose risen
run ran run
saw sawed sawn
say said said
see saw seen
seek sought sought
sell sold sold
send sent sent
set set set
sew sewed sewn
shake shook shaken
shave shaved shaven
shear sheared shorn
shed shed shed
shine shone shone
shoot shot shot
show showed shown
shrink shrank shrunk
shut shut shut
sing sang sung
sink sank sunk
sit sat sat
slay slew slain
sleep slept slept
slide slid slid
sling slung slung
slit slit slit
smell smelt smelt
sow sowed sown
speak spoke spoken
speed sped sped
spell spelt/spelled spelt/spelled
spend spent spent
spill spilt/spilled spilt/spilled
spin spun spun
spit spat spat
split split split
spoil spoilt/spoiled spoilt/spoiled
spread spread spread
spring sprang sprung
stand stood stood
steal stole stolen
stick stuck stuck
sting stung stung
stink stank stunk
strew strewed strewn
stride strode stridden
strike struck struck/stricken
string strung strung
strive strove striven
swear swore sworn
sweep swept swept
swell swelled swollen
swim swam swum
swing swung swung
take took taken
teach taught taught
tear tore torn
tell told told
think thought thought
throw threw thrown
thrust thrust thrust
tread trod trodden
undergo underwent undergone
understand understood understood
undertake undertook undertaken
upset upset upset
wake woke woken
wear wore worn
weave wove woven
wed wed wed
weep wept wept
wet wet wet
win won won
wind wound wound
withdraw withdrew withdrawn
withhold withheld withheld
withstand withstood withstood
wring wrung wrung
write wrote written`

// pastPrefixes make other irregular verbs of those above: resend, overpay.
var pastPrefixes = []string{"re", "un", "over", "under", "out", "mis", "pre", "fore", "up", "off", "inter", "cross", "sub"}

// notPast look like past forms and are none, or are things far more often.
const notPast = `bed red embed imbed sled shred hundred sacred naked wicked rugged ragged hatred infrared kindred moped biped med ted
 output outset outlet outcast preset subset offbeat upbeat`

// eedPast are the words in -eed that are past forms; all others are none (feed,
// need, exceed, proceed).
const eedPast = `agreed disagreed freed guaranteed refereed decreed treed kneed emceed teed`

// plainVerbs are verbs that hardly ever stand for a thing: one at the beginning
// or the end of a name makes it a command.
const plainVerbs = `accept accrue achieve acknowledge acquire activate adapt add adjust admit adopt advance allocate allow amend
 announce annul anonymize append apply appoint approve archive arrange arrive ascertain assemble assess assign associate attach
 attempt authenticate authorise authorize await ban begin bill block bounce bring broadcast build bundle buy calculate
 cancel capture categorize certify choose clarify classify clean clear click close collect commission commit compile complete
 compose compute configure confirm connect consume contain continue convert correct create debit deactivate debug declare decline
 decommission decrease deduct deduplicate define degrade delete deliver demote deny depart deploy deprecate deregister derive
 designate detach detect determine diagnose disable disburse discard disconnect discontinue discover dismiss dispatch display
 disqualify distribute divide do duplicate earn edit eject elapse elect elevate eliminate emit enable encrypt endorse
 enqueue enrich enrol enroll ensure enter escalate establish evaluate evict exceed exclude execute exempt exhaust expand expedite
 expire explain expose extend extract fail fetch finalise finalize find finish fix flag follow forget forgive forward freeze fulfil
 fulfill fund gather generate get give go grant group grow handle have identify ignore impersonate implement improve include
 increase increment index inform ingest inherit initialise initialize initiate insert inspect install instantiate insure integrate
 interrupt introduce invalidate invite invoke involve join keep know label launch leave lend let liquidate lock lose make manage
 mark match measure meet merge migrate modify mount move mute negotiate nominate normalize notify obtain occur onboard open
 optimize originate overdraw overpay override pack pass patch pause pay perform persist pick place poll populate post
 postpone prepare prepay present prevent print proceed process procure produce prolong promote propose protect prove provide
 provision publish pull purge push put qualify quit raise reach read reactivate realize reallocate reassign rebalance rebook
 rebuild recalculate receive recharge reclassify recognize recommend reconcile reconnect recover redeem redirect reduce refer
 refill refresh refuse regenerate register reinstate reject relate relist relocate remember remind remit remove rename render renew
 reopen reorder repair repay repeat replace replay replenish replicate reply republish rescan reschedule resell resend reserve
 reset resign resize resolve respond restart restock restore restrict resubmit resume retain retire retrieve retry revert revise
 revoke rewrite rotate route satisfy save scrap see seize select sell send serve set settle shorten simulate skip
 solve sort specify spend split start stop store submit subscribe succeed suggest suspend sync synchronise synchronize take teach
 tell terminate throttle throw toggle transcode transform transition translate transmit trigger unarchive
 unassign unban unblock undelete undo unenroll unfollow unfreeze uninstall unlink unlist unload unlock unmute unpack unpause
 unpublish unregister unreserve unsubscribe unsuspend unverify update upgrade upload use validate vary verify void waive warn
 weigh withdraw withhold write`

// nounVerbs are things as often as they are verbs: at the end of a name they
// are taken for a verb, at its beginning for a thing.
const nounVerbs = `access advertise alert answer appeal attack audit award backup bet bid blacklist bear board bonus book boost browse budget
 call change charge chat check claim comment compensate complain contact contract control convoy copy cost count credit crash cut damage
 deal deposit design discount dock document download draft drain draw drift drop email end enquire estimate exchange
 exit export fall fine flood flow flush focus forecast form format fork gain gift guess halt harvest hire hit hold import inquire
 invoice issue land lapse lease leak license lift like link list load log map message mine monitor name need note object offer order
 park peak pledge pin plan plug prime probe program project purchase query quote rank rate rebate recall record recycle refund relay
 release rent report request rescue rest return reverse review reward risk rollout sample scan schedule score
 screen seal search shape share shift ship sign signal slip sponsor spread stage stake stamp state step stock strike structure
 subsidise subsidize supply support surcharge surge switch swap tag tax tender test tip touch track trade train transfer transport
 trap travel treat trip turn tweet view visit vote wait walk want watch win wire work wrap yield
 dream drink feed fly lead lie light ring run saw show sleep sling slide spell spring stand sting stride string swing wake wind`

// doubling verbs of more than one syllable double their last letter; short
// ones do so by rule.
const doubling = `abet abut acquit admit allot begin commit compel concur confer control debar defer demur deter embed emit enrol equip
 excel expel extol fulfil format handicap impel incur infer input instil inter kidnap occur omit outfit outwit patrol
 permit prefer program propel rebel rebut recap recommit recur refer refit regret remit repel resubmit submit transfer transmit
 unplug unwrap unpin untag unban unzip debug deplug preplan replan remap retag reship rewrap cancel worship`

// actionNouns are things made of verbs in ways that no rule finds, with the
// fact that they stand for.
const actionNouns = `acceptance=accepted
acknowledgement=acknowledged
acknowledgment=acknowledged
acquisition=acquired
admission=admitted
advice=advised
analysis=analysed
application=applied
appointment=appointed
approval=approved
arrival=arrived
authorisation=authorised
authorization=authorized
backup=backed_up
birth=born
bounce=bounced
cancellation=cancelled
cancelation=canceled
chargeback=charged_back
checkin=checked_in
checkout=checked_out
choice=chosen
classification=classified
collision=collided
commission=commissioned
completion=completed
compression=compressed
creation=created
death=died
decision=decided
deduction=deducted
defeat=defeated
delivery=delivered
denial=denied
departure=departed
description=described
discovery=discovered
dismissal=dismissed
dispatch=dispatched
entry=entered
error=failed
exception=failed
expiration=expired
expiry=expired
failure=failed
growth=grown
handover=handed_over
identification=identified
inquiry=inquired
launch=launched
lockout=locked_out
login=logged_in
logoff=logged_off
logon=logged_on
logout=logged_out
loss=lost
maintenance=maintained
modification=modified
move=moved
movement=moved
notification=notified
opening=opened
payout=paid_out
permission=permitted
postponement=postponed
proof=proven
purchase=purchased
receipt=received
reception=received
redemption=redeemed
refusal=refused
registration=registered
removal=removed
renewal=renewed
resolution=resolved
response=responded
retirement=retired
rollback=rolled_back
rollout=rolled_out
rotation=rotated
sale=sold
settlement=settled
setup=set_up
shipment=shipped
shutdown=shut_down
signin=signed_in
signup=signed_up
startup=started
submission=submitted
subscription=subscribed
success=succeeded
suspension=suspended
takeover=taken_over
teardown=torn_down
termination=terminated
timeout=timed_out
topup=topped_up
transmission=transmitted
unsubscription=unsubscribed
upsert=upserted
verification=verified
warning=warned
withdrawal=withdrawn`

// linking verbs in the past take a word that says what something turned into:
// went_live, became_available.
const linking = `became came declared fell found got gone kept left made marked proved ran remained seemed set stayed turned went`

// after are words that may follow a past form without changing that it is one.
const after = `about above across after again against ahead along apart around as aside at away back before behind below beneath
 beside beyond by down early first for forward from home in inside into late live of off on once onto out outside over past through
 to together toward towards twice under up upon via with within without`

// fillers say no more than that an event is one.
const fillers = `event events evt message msg notification`

// lexicon is the lists above, ready to be asked.
type lexicon struct {
	past                               map[string]bool   // irregular past forms
	base                               map[string]string // irregular verb: its fact form
	notPast, eedPast, linking, after   map[string]bool
	plain, nounVerbs, doubling, filler map[string]bool
	nouns                              map[string]string
}

var english = sync.OnceValue(func() *lexicon {
	l := &lexicon{
		past: make(map[string]bool, 400), base: make(map[string]string, 200), nouns: make(map[string]string, 100),
		notPast: wordSet(notPast), eedPast: wordSet(eedPast), linking: wordSet(linking), after: wordSet(after),
		plain: wordSet(plainVerbs), nounVerbs: wordSet(nounVerbs), doubling: wordSet(doubling), filler: wordSet(fillers),
	}
	for line := range strings.SplitSeq(irregularVerbs, "\n") {
		f := strings.Fields(line)
		base := f[0]
		pasts := strings.Split(f[1], "/")
		participles := strings.Split(f[2], "/")
		for _, form := range pasts {
			l.past[form] = true
		}
		for _, form := range participles {
			if form != base { // run, come: as a name they read as a command
				l.past[form] = true
			}
		}
		// What happens to a thing is told by the participle: orders.written.
		// Where that is the base again, or is what the thing itself does, by
		// the past.
		l.base[base] = participles[0]
		if participles[0] == base || intransitive(base) {
			l.base[base] = pasts[0]
		}
	}
	for line := range strings.SplitSeq(actionNouns, "\n") {
		noun, fact, _ := strings.Cut(line, "=")
		l.nouns[noun] = fact
	}
	return l
})

// intransitive verbs tell what a thing does, not what is done to it.
func intransitive(base string) bool {
	switch base {
	case "begin", "fall", "go", "rise", "arise", "become", "come", "overcome", "run", "be", "lie", "shrink", "sink", "undergo":
		return true
	}
	return false
}

func wordSet(words string) map[string]bool {
	fields := strings.Fields(words)
	set := make(map[string]bool, len(fields))
	for _, w := range fields {
		set[w] = true
	}
	return set
}

// isPast reports whether a lower-case word is a past tense or past participle.
func (l *lexicon) isPast(w string) bool {
	switch {
	case l.notPast[w]:
		return false
	case l.past[w]:
		return true
	case strings.HasSuffix(w, "eed"):
		return l.eedPast[w]
	case len(w) > 3 && strings.HasSuffix(w, "ed"):
		return strings.ContainsAny(w[:len(w)-2], "aeiouy")
	}
	for _, prefix := range pastPrefixes {
		if rest, ok := strings.CutPrefix(w, prefix); ok && l.past[rest] {
			return true
		}
	}
	return false
}

// isVerb reports whether a word is the base form of a verb that is known.
func (l *lexicon) isVerb(w string) bool {
	return l.plain[w] || l.nounVerbs[w] || l.isIrregular(w)
}

// isPlainVerb reports whether a word is a verb and hardly ever a thing.
func (l *lexicon) isPlainVerb(w string) bool {
	return l.plain[w] || l.isIrregular(w) && !l.nounVerbs[w]
}

func (l *lexicon) isIrregular(w string) bool {
	if _, ok := l.base[w]; ok {
		return true
	}
	_, ok := l.prefixed(w)
	return ok
}

// prefixed is the fact form of an irregular verb behind a prefix: resend.
func (l *lexicon) prefixed(w string) (string, bool) {
	for _, prefix := range []string{"re", "un", "over", "under", "out", "mis", "pre"} {
		if rest, ok := strings.CutPrefix(w, prefix); ok && len(rest) > 1 && w != "relay" {
			if form, ok := l.base[rest]; ok {
				return prefix + form, true
			}
		}
	}
	return "", false
}

// pastOf is the fact form of a verb: paid, created, shipped, applied.
func (l *lexicon) pastOf(verb string) string {
	if form, ok := l.base[verb]; ok {
		return form
	}
	if form, ok := l.prefixed(verb); ok {
		return form
	}
	n := len(verb)
	switch {
	case n < 2:
		return verb + "ed"
	case verb[n-1] == 'e':
		return verb + "d"
	case verb[n-1] == 'y' && !isVowel(verb[n-2]):
		return verb[:n-1] + "ied"
	case l.doubles(verb):
		return verb + verb[n-1:] + "ed"
	case strings.HasSuffix(verb, "ic"):
		return verb + "ked"
	}
	return verb + "ed"
}

func isVowel(c byte) bool { return strings.IndexByte("aeiou", c) >= 0 }

// doubles reports whether a verb doubles its last letter: a single vowel
// between consonants at its end, and the stress on it.
func (l *lexicon) doubles(verb string) bool {
	n := len(verb)
	if l.doubling[verb] {
		return true
	}
	if n < 3 || isVowel(verb[n-1]) || strings.IndexByte("wxy", verb[n-1]) >= 0 || !isVowel(verb[n-2]) {
		return false
	}
	if isVowel(verb[n-3]) && (verb[n-3] != 'u' || n < 4 || verb[n-4] != 'q') {
		return false
	}
	for i := range n - 2 { // one syllable: no other vowel, but for the u of qu
		if (isVowel(verb[i]) || verb[i] == 'y' && i > 0) && (verb[i] != 'u' || i == 0 || verb[i-1] != 'q') {
			return false
		}
	}
	return true
}

// verbBehind finds the verb that a form was made of by adding suffix: paying,
// creating, shipping; pays, applies.
func (l *lexicon) verbBehind(word, suffix string) (string, bool) {
	stem, ok := strings.CutSuffix(word, suffix)
	n := len(stem)
	if !ok || n < 2 {
		return "", false
	}
	candidates := []string{stem, stem + "e"}
	if stem[n-1] == stem[n-2] {
		candidates = append(candidates, stem[:n-1])
	}
	if suffix != "ing" && stem[n-1] == 'i' {
		candidates = append(candidates, stem[:n-1]+"y")
	}
	for _, c := range candidates {
		if l.isVerb(c) {
			return c, true
		}
	}
	return "", false
}

// factOf is the fact that a thing's name stands for: payment, paid.
func (l *lexicon) factOf(noun string) (string, bool) {
	if fact, ok := l.nouns[noun]; ok {
		return fact, true
	}
	for _, suffix := range []string{"ment", "ation", "ition", "tion", "ion", "al", "ance", "ence", "ing", "er"} {
		if verb, ok := l.verbBehind(noun, suffix); ok && (suffix != "er" && suffix != "ing" || l.isPlainVerb(verb)) {
			return l.pastOf(verb), true
		}
		// migration: migrate; deletion: delete.
		if stem, ok := strings.CutSuffix(noun, suffix); ok && strings.HasSuffix(suffix, "tion") {
			for _, ending := range []string{"ate", "te", "t"} {
				if l.isVerb(stem + ending) {
					return l.pastOf(stem + ending), true
				}
			}
		}
	}
	return "", false
}

// reading is how a name reads.
type reading uint8

const (
	fact        reading = iota
	command             // pay, create_order
	either              // refund: a thing or a command
	present             // pays
	progressive         // paying
	filler              // order_paid_event
	thing               // payment, and whatever else is no past form
)

// naming is what the words of a name say.
type naming struct {
	reading reading
	word    string   // that decides it
	better  []string // the words of the fact; nil where it cannot be told
}

// readName reads the words of a name, which are in lower case.
func (l *lexicon) readName(words []string) naming {
	n := len(words)
	if n == 0 {
		return naming{reading: thing}
	}
	if l.isFact(words) {
		return naming{reading: fact}
	}
	last := words[n-1]
	replaced := func(i int, forms ...string) []string {
		better := append([]string{}, words[:i]...)
		return append(append(better, forms...), words[i+1:]...)
	}
	if l.filler[last] && n > 1 {
		inner := l.readName(words[:n-1])
		switch {
		case inner.reading == fact:
			return naming{filler, last, words[:n-1]}
		case inner.better != nil:
			return inner
		}
	}
	if n > 1 && l.after[words[0]] {
		return naming{reading: thing, word: strings.Join(words, "_")} // on_hold, out_of_stock
	}
	// sign_up, add_to_cart
	for i := 0; i+1 < n; i++ {
		if l.after[words[i+1]] && l.isVerb(words[i]) {
			return naming{command, words[i], replaced(i, l.pastOf(words[i]))}
		}
	}
	if n > 1 && l.isPlainVerb(words[0]) && !l.isPlainVerb(last) {
		return naming{command, words[0], append(append([]string{}, words[1:]...), l.pastOf(words[0]))}
	}
	if l.isVerb(last) {
		kind := command
		if !l.isPlainVerb(last) {
			kind = either
		}
		return naming{kind, last, replaced(n-1, l.pastOf(last))}
	}
	if fact, ok := l.nouns[last]; ok {
		return naming{thing, last, replaced(n-1, strings.Split(fact, "_")...)}
	}
	if verb, ok := l.verbBehind(last, "ing"); ok {
		return naming{progressive, last, replaced(n-1, l.pastOf(verb))}
	}
	for _, suffix := range []string{"es", "s"} {
		if verb, ok := l.verbBehind(last, suffix); ok {
			kind := thing // updates, refunds: more than one of them
			if l.isPlainVerb(verb) {
				kind = present
			}
			return naming{kind, last, replaced(n-1, l.pastOf(verb))}
		}
	}
	if fact, ok := l.factOf(last); ok {
		return naming{thing, last, replaced(n-1, fact)}
	}
	return naming{reading: thing, word: last}
}

// isFact reports whether words tell of something that has happened: the last
// is a past form, or one stands before words that go with it.
func (l *lexicon) isFact(words []string) bool {
	last := words[len(words)-1]
	if l.isPast(last) {
		return true
	}
	for i := len(words) - 2; i >= 0; i-- {
		if !l.isPast(words[i]) {
			continue
		}
		next := words[i+1]
		return l.after[next] || l.linking[words[i]] || i == len(words)-2 && len(next) > 4 && strings.HasSuffix(next, "ly")
	}
	return false
}
