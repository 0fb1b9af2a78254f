package remote

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// refusals are what hosts answer to a push: git's status of the branch, and what
// stands beside it.
var refusals = map[string]struct {
	status    string // in parentheses after [remote rejected]
	said      string // by the remote, line by line
	want      string // in the error
	protected bool
}{
	"GitHub, a secret": {"push declined due to repository rule violations", `error: GH013: Repository rule violations found for refs/heads/main.        

- GITHUB PUSH PROTECTION
  —————————————————————————————————————————
    Resolve the following violations before pushing again

    - Push cannot contain secrets


     (?) Learn how to resolve a blocked push
     https://docs.github.com/code-security/secret-scanning/pushing-a-branch-blocked-by-push-protection


      —— GitHub Personal Access Token ——————————————————————
       locations:
         - commit: 5477a7dd26384ed3c8b3814ee677f755ad27a597
           path: src/api/github.ts:34`, "Push cannot contain secrets", false},
	"GitHub, a rule": {"push declined due to repository rule violations", `error: GH013: Repository rule violations found for refs/heads/main.
Review all repository rules at https://github.com/axon/talk/rules?ref=refs%2Fheads%2Fmain

- Changes must be made through a pull request.
`, "Changes must be made through a pull request.", true},
	"GitHub, a rule of creation": {"push declined due to repository rule violations", `error: GH013: Repository rule violations found for refs/heads/agents.
Review all repository rules at https://github.com/axon/talk/rules?ref=refs%2Fheads%2Fagents

- Cannot update this protected ref.`, "Cannot update this protected ref.", true},
	"GitHub, a protected branch": {"protected branch hook declined", `error: GH006: Protected branch update failed for refs/heads/main.

- You're not authorized to push to this branch. Visit https://docs.github.com/x for more information.`,
		"You're not authorized to push to this branch.", true},
	"GitHub, an older one": {"protected branch hook declined", `error: GH006: Protected branch update failed for refs/heads/main.
error: Changes must be made through a pull request.`, "Changes must be made through a pull request.", true},
	"GitHub, no reason": {"protected branch hook declined", `error: GH006: Protected branch update failed for refs/heads/main.`,
		"Protected branch update failed", true},
	"GitHub, a large file": {"pre-receive hook declined", `Resolving deltas: 100% (1/1), done.
error: GH001: Large files detected. You may want to try Git Large File Storage - https://git-lfs.github.com.
error: Trace: a4665dccb33083259ba3ed8f5ac805776a55d3abc89340645937543999294576
error: See https://gh.io/lfs for more information.
error: File a.db is 193.70 MB; this exceeds GitHub's file size limit of 100.00 MB`, "File a.db is 193.70 MB; this exceeds", false},
	"GitHub, a large file, the other way round": {"pre-receive hook declined", `error: Trace: 4d8e35248ebbf5e8
error: See https://gh.io/lfs for more information.
error: File a.mov is 117.80 MB; this exceeds GitHub's file size limit of 100.00 MB
error: GH001: Large files detected. You may want to try Git Large File Storage.`, "File a.mov is 117.80 MB; this exceeds", false},
	"GitLab, a protected branch": {"pre-receive hook declined", `GitLab: You are not allowed to push code to protected branches on this project.`,
		"You are not allowed to push code to protected branches", true},
	"GitLab, large files": {"pre-receive hook declined", `GitLab: You are attempting to check in one or more files which exceed the 100MiB limit:

- 257cc5642cb1a054f08cc83f2d943e56fd3ebe99 (123 MiB)`, "You are attempting to check in one or more files which exceed", false},
	"GitLab, an empty project": {"pre-receive hook declined", `
========================================================================

ERROR: A default branch (e.g. main) does not yet exist for axon/talk
Ask a project Owner or Maintainer to create a default branch:

========================================================================
`, "A default branch (e.g. main) does not yet exist", true},
	"Gitea, a protected branch": {"pre-receive hook declined", "\nGitea: Not allowed to push to protected branch main\n", "Not allowed to push to protected branch main", true},
	"Gitea, force":              {"pre-receive hook declined", "error:\nerror: branch main is protected from force push", "protected from force push", true},
	"Bitbucket":                 {"pre-receive hook declined", "Permission denied to update branch main.", "Permission denied to update branch main.", true},
	"Bitbucket, its server": {"pre-receive hook declined", `Branch refs/heads/main can only be modified through pull requests.
Check your branch permissions configuration with the project administrator.`, "can only be modified through pull requests", true},
	"Azure DevOps, a policy": {"TF402455: Pushes to this branch are not permitted; you must use a pull request to update this branch.", `Analyzing objects... (12/12) (8 ms)
Storing packfile... done (115 ms)
Storing index... done (81 ms)`, "TF402455: Pushes to this branch are not permitted", true},
	"Azure DevOps, force": {"TF401027: You need the Git 'ForcePush' permission to perform this action. Details: identity 'x', scope 'branch'.", "",
		"You need the Git 'ForcePush' permission", true},
	"Azure DevOps, a secret": {"VS403654: The push was rejected because it contains one or more secrets.", "", "contains one or more secrets", false},
	"gitolite": {"hook declined", `FATAL: W refs/heads/main axon/talk mary DENIED by refs/heads/main
error: hook declined to update refs/heads/main`, "W refs/heads/main axon/talk mary DENIED by refs/heads/main", true},
	"Gerrit":      {"prohibited by Gerrit: not permitted: update", "Processing changes: refs: 1, done", "prohibited by Gerrit", true},
	"a hook":      {"pre-receive hook declined", "a secret was found", "a secret was found (pre-receive hook declined)", false},
	"a mute hook": {"pre-receive hook declined", "", "refuses the push: pre-receive hook declined;", false},
	"a limit":     {"unpacker error", "fatal: pack exceeds maximum allowed size (1.00 KiB)", "pack exceeds maximum allowed size", false},
}

// TestWhatHostsSayOfARefusal: the line that tells the reason stands in the
// error, whichever transport brought it, and whether it is about the branch is
// known.
func TestWhatHostsSayOfARefusal(t *testing.T) {
	for name, c := range refusals {
		t.Run(name, func(t *testing.T) {
			byGit := "To https://example.org/talk\nremote: " + strings.ReplaceAll(c.said, "\n", "\nremote: ") + "\nerror: failed to push some refs to 'https://example.org/talk'"
			r := &Remote{URL: "https://example.org/talk"}
			outcome := r.outcomes("!\t0123:refs/heads/main\t[remote rejected] ("+c.status+")\nDone\n", classify(r.URL, byGit))
			call := &call{r: r, said: &watcher{timer: time.NewTimer(time.Hour)}}
			if _, err := call.said.Write([]byte(c.said)); err != nil {
				t.Fatal(err)
			}
			report := &packp.ReportStatus{UnpackStatus: "ok", CommandStatuses: []*packp.CommandStatus{{ReferenceName: mainBranch, Status: c.status}}}
			errs := map[string]error{"git": outcome[mainBranch]}
			told := map[plumbing.ReferenceName]error{}
			if _, err := call.told(report, []*move{{Update: Update{Branch: mainBranch}}}, told); err != nil {
				t.Fatal(err)
			}
			errs["built in"] = told[mainBranch]
			for way, err := range errs {
				var e *Error
				if !errors.As(err, &e) || e.Kind != Refused || e.Protected != c.protected || !strings.Contains(e.Error(), c.want) || strings.Contains(e.Text, "\n") {
					t.Errorf("%s: %+v", way, err)
				}
			}
		})
	}
}

// TestWhatHostsSayToStrangers: the host's own word for why it lets nobody in,
// rather than git's for that.
func TestWhatHostsSayToStrangers(t *testing.T) {
	const access = "\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n"
	const forbidden = "\nfatal: unable to access 'https://example.org/talk/': The requested URL returned error: 403\n"
	for said, want := range map[string]struct {
		kind Kind
		text string
	}{
		"ERROR: Repository not found." + access:                                                            {NotFound, "Repository not found."},
		"ERROR: Permission to axon/talk.git denied to mary." + access:                                      {Auth, "Permission to axon/talk.git denied to mary."},
		"git@example.org: Permission denied (publickey)." + access:                                         {Auth, "git@example.org: Permission denied (publickey)."},
		"Host key verification failed." + access:                                                           {Auth, "its host key is not known"},
		"remote: This repository was archived so it is read-only." + forbidden:                             {Auth, "This repository was archived so it is read-only."},
		"remote: Write access to repository not granted." + forbidden:                                      {Auth, "Write access to repository not granted."},
		"remote: You are not allowed to push code to this project." + forbidden:                            {Auth, "You are not allowed to push code to this project."},
		"error:\nerror: Cannot find repository: axon/talk\nerror:" + access:                                {NotFound, "Cannot find repository: axon/talk"},
		"error:\nerror: User: 2:bob with Key: 2:k is not authorized to read axon/talk.\nerror:" + access:   {Auth, "User: 2:bob with Key: 2:k is not authorized to read axon/talk."},
		"error:\nerror: Repo: axon/talk is archived.\nerror:" + access:                                     {Auth, "Repo: axon/talk is archived."},
		"remote: error: User permission denied for writing.        \n":                                     {Auth, "User permission denied for writing."},
		"remote: HTTP Basic: Access denied.\nfatal: Authentication failed for 'https://example.org/talk/'": {Auth, "HTTP Basic: Access denied."},
		"remote: Invalid username or token. Password authentication is not supported for Git operations.\nfatal: Authentication failed for 'https://example.org/talk/'":                                                                                                                              {Auth, "Invalid username or token."},
		"remote: Repository not found.\nfatal: repository 'https://example.org/talk/' not found":                                                                                                                                                                                                     {NotFound, "Repository not found."},
		"remote: \nremote: ========================================================================\nremote: \nremote: The project you were looking for could not be found or you don't have permission to view it.\nremote: \nremote: ===\nremote: \nfatal: Could not read from remote repository.": {NotFound, "The project you were looking for could not be found"},
		"FATAL: W any axon/talk mary DENIED by fallthru\n(or you mis-spelled the reponame)" + access:                                                                                                                                                                                                 {Auth, "W any axon/talk mary DENIED by fallthru"},
		"": {Other, "it gave no reason"},
		"@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@@\nHost key verification failed." + access:        {Auth, "its host key is not the one that is known"},
		"remote: Counting objects:  50%\rremote: Counting objects: 100%\rremote: Access denied to axon/talk." + forbidden: {Auth, "Access denied to axon/talk."},
		"fatal: caf\xe9: Connection refused": {Network, "caf: Connection refused"},
		forbidden:                            {Auth, "the server answers with status 403"},
		"error: RPC failed; HTTP 429 curl 22 The requested URL returned error: 429":                                                           {Unable, "429"},
		"fatal: unable to access 'https://example.org/talk/': Could not resolve host: example.org":                                            {Network, "Could not resolve host"},
		"remote: fatal: write error: No space left on device\nerror: remote unpack failed: index-pack abnormal exit":                          {Unable, "write error: No space left on device"},
		"error: remote unpack failed: unable to create temporary object directory":                                                            {Unable, "unable to create temporary object directory"},
		"remote: error: insufficient permission for adding an object to repository database ./objects\nremote: fatal: failed to write object": {Unable, "insufficient permission"},
		"fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output":                                           {Local, "write error: No space left on device"},
	} {
		if e := classify("https://example.org/talk", said); e.Kind != want.kind || !strings.HasPrefix(e.Text, want.text) && want.text != "429" || strings.Contains(e.Text, "example.org/") {
			t.Errorf("%q\n is of kind %d: %s", said, e.Kind, e.Text)
		}
	}
}

// TestOnlyGitsWordCounts: a branch of which git says nothing has not arrived.
func TestOnlyGitsWordCounts(t *testing.T) {
	r := &Remote{URL: "https://example.org/talk"}
	for _, line := range []string{"", "Done\n", "To https://example.org/talk\n", "*\t0123:refs/heads/main\n", "note\t0123:refs/heads/main\t[new branch]\n"} {
		if outcome := r.outcomes(line, nil); len(outcome) > 0 {
			t.Errorf("%q: %v", line, outcome)
		}
	}
	bin := t.TempDir()
	program(t, filepath.Join(bin, "git"), "")
	only(t, bin, true)
	outcome, err := (&Remote{URL: "/none", Transport: Git}).Push(t.Context(), filepath.Join(t.TempDir(), "p"), []Update{{Branch: mainBranch}})
	if kindOf(err) != Network || len(outcome) > 0 {
		t.Fatal(outcome, err)
	}
}
