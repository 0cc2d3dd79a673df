package syntax

import "testing"

func TestEqual(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"a", "'a'", true},
		{"a", "b", false},
		{"1", "1.0", true},
		{"1", "10e-1", true},
		{"1", "+01.", true},
		{"100", "1e2", true},
		{"0.1", "0.10000000000000000001", false},
		{"9007199254740993", "9007199254740992", false},
		{"1e400", "2e400", false},
		{"1e400", "10e399", true},
		{"-0", "0.0", true},
		{"-1", "1", false},
		{"0x10", "16", true},
		{"1e99999999999999999999", "1e99999999999999999999", true},
		{"1e99999999999999999999", "2e99999999999999999999", false},
		{"1", "'1'", false},
		{"null", "~", true},
		{"null", "'null'", false},
		{"true", "True", true},
		{"true", "false", false},
		{"[]", "{}", false},
		{"[1, 2]", "- 1\n- 2", true},
		{"[1, 2]", "[2, 1]", false},
		{"[1]", "[1, 1]", false},
		{"{a: 1, b: [x]}", "b:\n- x\na: 1.0", true},
		{"{a: 1}", "{a: 1, b: 2}", false},
		{"{a: 1, b: 2}", "{a: 1}", false},
		{"{a: null}", "{b: null}", false},
		{"{a: 1, a: 2}", "{a: 1}", true}, // the first counts
		{"{a: 1, a: 2}", "{a: 2}", false},
		{"&x {a: 1}", "{a: 1}", true},
	} {
		a, b := parseAs(t, YAML, test.a), parseAs(t, YAML, test.b)
		if Equal(a, b) != test.want || Equal(b, a) != test.want {
			t.Errorf("Equal(%s, %s) is %v", test.a, test.b, !test.want)
		}
		if !Equal(a, a) {
			t.Errorf("%s does not equal itself", test.a)
		}
	}
	if !Equal(nil, nil) || Equal(nil, NewScalar(Null, "")) || Equal(NewScalar(Null, ""), nil) {
		t.Error("nil equals only nil")
	}
	if unread := (&Node{}); Equal(unread, unread) {
		t.Error("what could not be read equals something")
	}
}
