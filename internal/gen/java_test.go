package gen

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// jdk finds the compiler, and the jars of Jackson in the folder that
// TREATY_JACKSON names.
func jdk(t *testing.T) (javac, classpath string) {
	t.Helper()
	jackson := os.Getenv("TREATY_JACKSON")
	if jackson == "" {
		t.Skip("TREATY_JACKSON names no folder with the jars of jackson-databind; make integration sets it")
	}
	jars, _ := filepath.Glob(filepath.Join(jackson, "jackson-*.jar"))
	if len(jars) < 3 {
		t.Fatalf("%s has %d jars of Jackson", jackson, len(jars))
	}
	javac, err := exec.LookPath("javac")
	if err != nil {
		t.Skip("there is no javac")
	}
	return javac, strings.Join(jars, string(os.PathListSeparator))
}

// javaCompile compiles generated files, with others, as strictly as javac can.
func javaCompile(t *testing.T, files []File, others ...string) (run func(class string, stdin []byte) []byte) {
	t.Helper()
	javac, classpath := jdk(t)
	dir := t.TempDir()
	var list strings.Builder
	add := func(path string, text []byte) {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&list, "%q\n", path)
	}
	for _, f := range files {
		add(f.Path, f.Text)
	}
	for _, path := range others {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		add("corpus/"+filepath.Base(path), text)
	}
	args := filepath.Join(dir, "files")
	if err := os.WriteFile(args, []byte(list.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "classes")
	cmd := exec.Command(javac, "-Xlint:all", "-Werror", "-encoding", "UTF-8", "--release", "17", "-cp", classpath, "-d", out, "@"+args)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, text)
	}
	return func(class string, stdin []byte) []byte {
		cmd := exec.Command("java", "-cp", out+string(os.PathListSeparator)+classpath, class)
		var stderr bytes.Buffer
		cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
		text, err := cmd.Output()
		if err != nil {
			t.Fatalf("java: %v\n%s", err, stderr.String())
		}
		return text
	}
}

// javaAnswer is what the program says of an event.
type javaAnswer struct {
	ID       string
	Again    string
	Class    string
	Failed   string
	Problems []struct{ Pointer, Keyword, Message string }
}

func javaAnswers(t *testing.T, text []byte) map[string]javaAnswer {
	t.Helper()
	all := map[string]javaAnswer{}
	scan := bufio.NewScanner(bytes.NewReader(text))
	scan.Buffer(nil, 16<<20)
	for scan.Scan() {
		var a javaAnswer
		if err := json.Unmarshal(scan.Bytes(), &a); err != nil {
			t.Fatalf("%v: %s", err, scan.Text())
		}
		all[a.ID] = a
	}
	return all
}

// tree reads a text of JSON.
func tree(t *testing.T, text string) *syntax.Node {
	t.Helper()
	n, found := syntax.Parse(diag.NewFile("", text), syntax.JSON, syntax.Limits{})
	if len(found) > 0 {
		t.Fatalf("%s: %s", text, found[0].Message)
	}
	return n
}

// envelopeOf is an event around data.
func envelopeOf(v vector) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/corpus","type":%q,"data":%s}`, v.ID, v.Event, v.Value)
}

// TestRealJava generates a package of the whole corpus, compiles it in the
// strictest mode, and gives it samples and near misses of every schema: samples
// come back as they were; near misses are refused where they are wrong.
func TestRealJava(t *testing.T) {
	jdk(t)
	c := corpus(t)
	files, err := javaTarget.Generate(&Input{Model: ModelOf(c, Everything), Version: "test", Package: "corpus"})
	if err != nil {
		t.Fatal(err)
	}
	run := javaCompile(t, files, filepath.Join("testdata", "java", "Corpus.java"))
	javaJudge(t, vectors(t, c, 100, 100), run)
}

func javaJudge(t *testing.T, all []vector, run func(class string, stdin []byte) []byte) {
	t.Helper()
	var stdin bytes.Buffer
	for _, v := range all {
		line, err := json.Marshal(map[string]string{"id": v.ID, "text": envelopeOf(v)})
		if err != nil {
			t.Fatal(err)
		}
		stdin.Write(append(line, '\n'))
	}
	answers := javaAnswers(t, run("corpus.Corpus", stdin.Bytes()))
	good, bad, wrong, keywords := 0, 0, 0, 0
	for _, v := range all {
		a, ok := answers[v.ID]
		problem := ""
		switch {
		case !ok:
			problem = "there is no answer"
		case a.Failed != "":
			problem = a.Failed
		case v.Valid && len(a.Problems) > 0:
			problem = fmt.Sprintf("it is valid, and was refused: %v", a.Problems)
		case v.Valid && !syntax.Equal(tree(t, envelopeOf(v)), tree(t, a.Again)):
			problem = "it was written again as " + a.Again
		case v.Valid:
			good++
		case len(a.Problems) == 0:
			problem = fmt.Sprintf("it is invalid at %s (%s), and was accepted", v.Pointer, v.Keyword)
		case a.Problems[0].Pointer != "/data"+v.Pointer:
			problem = fmt.Sprintf("it is wrong at %s (%s), and this was said: %v", v.Pointer, v.Keyword, a.Problems)
		default:
			bad++
			if a.Problems[0].Keyword == v.Keyword {
				keywords++
			}
		}
		if problem != "" {
			if wrong++; wrong <= 30 {
				t.Errorf("%s: %s\n  %s", v.ID, v.Value, problem)
			}
		}
	}
	t.Logf("%d samples came back as they were, %d near misses were refused in their place (%d by the same keyword), %d went wrong", good, bad, keywords, wrong)
}

var _ = flag.Lookup
var _ = reflect.DeepEqual
var _ = slices.Sort[[]string]
var _ *contract.Contract
