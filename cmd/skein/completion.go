package main

import (
	"github.com/spf13/cobra"
)

func newCompletionCmd(a *app) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion script of a shell",
		Long: `Print the script that completes skein's commands, flags, threads, projects,
agents and message ids in bash, zsh, fish or powershell.`,
		Example: `  skein completion bash > ~/.local/share/bash-completion/completions/skein
  skein completion zsh > "${fpath[1]}/_skein"
  skein completion fish > ~/.config/fish/completions/skein.fish
  skein completion powershell | Out-String | Invoke-Expression`,
		Args:      takes(1, 1, "a shell: bash, zsh, fish or powershell"),
		ValidArgs: shells,
		RunE:      func(cmd *cobra.Command, args []string) error { return runCompletion(cmd, a, args[0]) },
	}
}

func runCompletion(cmd *cobra.Command, a *app, shell string) error {
	root := cmd.Root()
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(a.out, true)
	case "zsh":
		return root.GenZshCompletion(a.out)
	case "fish":
		return root.GenFishCompletion(a.out, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(a.out)
	}
	return usage(cmd, "there is no completion for %q: there is for bash, zsh, fish and powershell", shell)
}
