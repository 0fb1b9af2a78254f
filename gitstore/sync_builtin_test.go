package gitstore

import (
	"os"
	"testing"
)

// noGitVariable has synced make stores that reach their remotes without git.
const noGitVariable = "SKEIN_TEST_NO_GIT"

// TestWithoutGit is every test of syncing over HTTP, with go-git's transport in
// the place of git.
func TestWithoutGit(t *testing.T) {
	t.Setenv(noGitVariable, "1")
	for name, test := range map[string]func(*testing.T){
		"two machines":       TestTwoMachines,
		"large first fetch":  TestALargeFirstFetch,
		"rewritten remote":   TestARewrittenRemote,
		"emptied remote":     TestAnEmptiedRemote,
		"foreign remote":     TestAForeignRemote,
		"refused message":    TestOneMessageIsRefused,
		"protected main":     TestProtectedMain,
		"archived remote":    TestNothingMayBePushed,
		"dry run":            TestDryRunChangesNothing,
		"line that is cut":   TestALineIsCutAtEachKilobyte,
		"refusing server":    TestAServerThatAnswersOtherwise,
		"hostile content":    TestAHostileRepository,
		"day alone":          TestADayAlone,
		"full remote":        TestAFullRemote,
		"large push":         TestAPushMayBeTooLarge,
		"push without fetch": TestAPushIsAllItTakes,
		"lost branch":        TestALostBranchIsNotMadeAgain,
	} {
		t.Run(name, test)
	}
}

// TestAComputerWithoutGit: where no git is found, a store is synced all the
// same, and a remote that takes git says so.
func TestAComputerWithoutGit(t *testing.T) {
	dir, address := bareRemote(t)
	s := synced(t, address)
	say(t, s, "mary", "hello")
	path := os.Getenv("PATH")
	t.Setenv("PATH", t.TempDir())
	report, err := s.Sync(t.Context(), SyncOptions{})
	t.Setenv("PATH", path)
	if err != nil || report.Pushed != 2 {
		t.Fatal(report, err)
	}
	checkConverged(t, s, dir, report)
}

// TestOnlyWhatIsNewIsPushed: a push without git brings what is new and nothing
// else, directories as what differs in them, so it is smaller than git's.
func TestOnlyWhatIsNewIsPushed(t *testing.T) {
	_, address := bareRemote(t)
	l, through := newLine(t, address)
	s := synced(t, through)
	fill(t, s, maxFiles-20, func(int) string { return "axon/talk" }) // a large directory
	sync1(t, s, SyncOptions{})
	sent := map[bool]int64{}
	for _, s.noGit = range []bool{false, true} {
		say(t, s, "mary", "one more")
		l.mend(endless, endless)
		sync1(t, s, SyncOptions{})
		sent[s.noGit] = endless - l.left[true]
	}
	if sent[true] > sent[false]/2 { // whole directories would be more; git says more around it
		t.Fatalf("git sends %d bytes, and without it %d are sent", sent[false], sent[true])
	}
	checkQuiet(t, s)
}
