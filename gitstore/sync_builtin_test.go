package gitstore

import (
	"os"
	"strings"
	"testing"

	"skein/gitstore/remote"
)

// byGitVariable has synced make stores that reach all their remotes with git.
const byGitVariable = "SKEIN_TEST_GIT"

// transportTo is the one that a test has its store reach an address with.
func transportTo(address string) remote.Transport {
	if os.Getenv(byGitVariable) == "" && strings.HasPrefix(address, "http") {
		return remote.BuiltIn
	}
	return remote.Git
}

// TestByGit is every test of syncing over HTTP, with git in the place of the
// built-in transport.
func TestByGit(t *testing.T) {
	if testing.Short() {
		t.Skip("every test of syncing runs with the built-in transport anyway; with git they take half a minute more")
	}
	t.Setenv(byGitVariable, "1")
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
		"shallow store":      TestAShallowStore,
		"large shallow one":  TestALargeShallowStore,
		"shallow, rewritten": TestAShallowStoreAndARewrittenRemote,
		"shallow, emptied":   TestAShallowStoreCannotRestoreARemote,
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
	sent := map[remote.Transport]int64{}
	for _, s.transport = range []remote.Transport{remote.Git, remote.BuiltIn} {
		say(t, s, "mary", "one more")
		l.mend(endless, endless)
		sync1(t, s, SyncOptions{})
		sent[s.transport] = l.passed(true)
	}
	if sent[remote.BuiltIn] > sent[remote.Git]/2 { // whole directories would be more; git says more around it
		t.Fatalf("git sends %d bytes, and without it %d are sent", sent[remote.Git], sent[remote.BuiltIn])
	}
	checkQuiet(t, s)
}
