package remote

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

func TestWhatIsPushedIsFetched(t *testing.T) {
	everyWay(t, func(t *testing.T, dir string, to reach) {
		ours := repository(t)
		r := to(ours)
		first := commit(t, ours, "first")
		second := commit(t, ours, "second", first.String())
		for _, tip := range []plumbing.Hash{first, second} {
			outcome, err := r.Push(t.Context(), ours, []Update{{Branch: mainBranch, New: tip}})
			if err != nil || outcome[mainBranch] != nil || len(outcome) != 1 {
				t.Fatal(outcome, err)
			}
		}
		theirs := repository(t)
		r = to(theirs)
		into := filepath.Join(t.TempDir(), "quarantine")
		tips, err := r.Fetch(t.Context(), into, mainBranch, agentsBranch)
		if err != nil || len(tips) != 1 || tips[mainBranch] != second {
			t.Fatal(tips, err)
		}
		if got := git(t, into, "rev-list", "--count", second.String()); got != "2" {
			t.Fatalf("%s of 2 commits have come", got)
		}
		if out := git(t, theirs, "count-objects"); !strings.HasPrefix(out, "0 objects") {
			t.Fatalf("a fetch wrote into the repository itself: %s", out)
		}
	})
}

func TestOnlyWhatIsNewIsFetched(t *testing.T) {
	everyWay(t, func(t *testing.T, dir string, to reach) {
		ours := repository(t)
		first := commit(t, dir, "first")
		second := commit(t, dir, "second", first.String())
		git(t, dir, "update-ref", mainBranch.String(), second.String())
		git(t, ours, "fetch", "-q", dir, first.String()+":refs/heads/main")
		into := filepath.Join(t.TempDir(), "quarantine")
		if _, err := to(ours).Fetch(t.Context(), into, mainBranch); err != nil {
			t.Fatal(err)
		}
		if out := git(t, into, "cat-file", "--batch-all-objects", "--batch-check"); strings.Contains(out, first.String()) || !strings.Contains(out, second.String()) {
			t.Fatalf("fetched:\n%s", out)
		}
	})
}

func TestAnEmptyRemoteHasNoBranches(t *testing.T) {
	everyWay(t, func(t *testing.T, _ string, to reach) {
		r := to(repository(t))
		tips, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch, agentsBranch)
		if err != nil || len(tips) != 0 {
			t.Fatal(tips, err)
		}
	})
}

func TestALostRaceAndALease(t *testing.T) {
	everyWay(t, func(t *testing.T, dir string, to reach) {
		ours := repository(t)
		r := to(ours)
		root := commit(t, ours, "root")
		a, b := commit(t, ours, "a", root.String()), commit(t, ours, "b", root.String())
		push := func(u Update) error {
			outcome, err := r.Push(t.Context(), ours, []Update{u})
			if err != nil {
				t.Fatal(err)
			}
			return outcome[u.Branch]
		}
		if err := push(Update{Branch: mainBranch, New: a}); err != nil {
			t.Fatal(err)
		}
		if err := push(Update{Branch: mainBranch, New: b}); kindOf(err) != Race {
			t.Fatalf("not built on the tip: %v", err)
		}
		if err := push(Update{Branch: mainBranch, New: b, Lease: root}); kindOf(err) != Race {
			t.Fatalf("a lease on what is not there: %v", err)
		}
		if err := push(Update{Branch: mainBranch, New: b, Lease: a}); err != nil {
			t.Fatal(err)
		}
		if got := git(t, dir, "rev-parse", "main"); got != b.String() {
			t.Fatalf("main is at %s", got)
		}
	})
}

func TestAHookRefusesOneBranch(t *testing.T) {
	everyWay(t, func(t *testing.T, dir string, to reach) {
		hook := "#!/bin/sh\n[ \"$1\" = refs/heads/agents ] || exit 0\necho 'a secret was found' >&2\nexit 1\n"
		if err := os.WriteFile(filepath.Join(dir, "hooks", "update"), []byte(hook), 0o755); err != nil {
			t.Fatal(err)
		}
		ours := repository(t)
		r := to(ours)
		tip := commit(t, ours, "root")
		outcome, err := r.Push(t.Context(), ours, []Update{{Branch: mainBranch, New: tip}, {Branch: agentsBranch, New: tip}})
		if err != nil || outcome[mainBranch] != nil || kindOf(outcome[agentsBranch]) != Refused {
			t.Fatal(outcome, err)
		}
		if text := outcome[agentsBranch].Error(); !strings.Contains(text, "a secret was found") || strings.Contains(text, "\n") {
			t.Fatal(text)
		}
	})
}

// TestAHostThatLetsRead: what a host says of every push, since its repository is
// archived or this user may only read it, is not about a branch.
func TestAHostThatLetsRead(t *testing.T) {
	everyWay(t, func(t *testing.T, dir string, to reach) {
		hook := "#!/bin/sh\nprintf '\\nerror:\\nerror: User permission denied for writing.\\nerror:\\n' >&2\nexit 1\n"
		if err := os.WriteFile(filepath.Join(dir, "hooks", "pre-receive"), []byte(hook), 0o755); err != nil {
			t.Fatal(err)
		}
		ours := repository(t)
		r := to(ours)
		outcome, err := r.Push(t.Context(), ours, []Update{{Branch: mainBranch, New: commit(t, ours, "root")}})
		if kindOf(err) != ReadOnly || len(outcome) > 0 || !strings.Contains(err.Error(), "User permission denied for writing") {
			t.Fatal(outcome, err)
		}
	})
}

// TestACallingHookDoesNotLeakIn: git sets these variables for its hooks.
func TestACallingHookDoesNotLeakIn(t *testing.T) {
	dir, other := repository(t), repository(t)
	git(t, dir, "update-ref", mainBranch.String(), commit(t, dir, "root").String())
	for name, value := range map[string]string{"GIT_DIR": other, "GIT_INDEX_FILE": "x", "GIT_OBJECT_DIRECTORY": other + "/objects",
		"GIT_QUARANTINE_PATH": other, "GIT_CONFIG_PARAMETERS": "'core.bare'='maybe'", "GIT_NAMESPACE": "n"} {
		t.Setenv(name, value)
	}
	r := &Remote{URL: dir, Objects: filepath.Join(other, "objects")}
	tips, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
	if err != nil || len(tips) != 1 {
		t.Fatal(tips, err)
	}
}

// TestTooMuchIsBrokenOff: what has come is looked at while it comes.
func TestTooMuchIsBrokenOff(t *testing.T) {
	dir := t.TempDir()
	if err := makeRepository(filepath.Join(dir, "q")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "q", "objects", "pack", "tmp_pack_x"), make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancelCause(t.Context())
	r := &Remote{URL: "u", MaxBytes: 99}
	defer r.limit(ctx, filepath.Join(dir, "q"), end)()
	<-ctx.Done()
	if err := r.explain(ctx, errors.New("killed"), ""); kindOf(err) != TooLarge {
		t.Fatal(err)
	}
}

func TestAddressesAndListsAreWrittenForGit(t *testing.T) {
	for in, want := range map[string]string{"https://u:p@h/x": "https://u@h/x", "git@h:x": "git@h:x", "/a/b": "/a/b", "https://h/x": "https://h/x"} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q) = %q", in, got)
		}
	}
	for in, want := range map[string]bool{"git@h:x": true, "ssh://h/x": true, "https://h:1/x": false, "/a:b": false, "C:/x": false} {
		if overSSH(in) != want {
			t.Errorf("overSSH(%q)", in)
		}
	}
}
