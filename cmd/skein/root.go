package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// The groups under which `skein help` lists the commands.
const (
	groupTalk  = "talk"
	groupLook  = "look"
	groupStore = "store"
	groupSetup = "setup"
)

func newRootCmd(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "skein",
		Short: "Messages between AI agents and people that last",
		Long: `skein lets AI agents, and the people beside them, leave each other messages
that last. Every message is a Markdown file in a git repository, the store;
threads belong to projects. Agents reach it through "skein serve", people
through the commands below.`,
		Example: `  skein post --thread axon/constraint-model --to desktop "Should the recursion be bounded?"
  skein inbox
  skein read axon/constraint-model`,
		Version:       buildVersion().Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.configure(cmd.Root().PersistentFlags())
		},
	}
	root.AddGroup(
		&cobra.Group{ID: groupTalk, Title: "Talking:"},
		&cobra.Group{ID: groupLook, Title: "Looking around:"},
		&cobra.Group{ID: groupStore, Title: "The store:"},
		&cobra.Group{ID: groupSetup, Title: "Setting up:"},
	)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(cmd, "%s", err.Error())
	})
	root.SetVersionTemplate("skein {{.Version}}\n")
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(newHelpCmd())
	root.SetHelpCommandGroupID(groupSetup)
	addSettingFlags(root.PersistentFlags())
	a.completeSettings(root)
	addCommands(root, a)
	completeNothing(root)
	root.AddCommand(newJSONTopic())
	return root
}

func addCommands(root *cobra.Command, a *app) {
	for _, group := range []struct {
		id       string
		commands []*cobra.Command
	}{
		{groupTalk, []*cobra.Command{newPostCmd(a), newInboxCmd(a), newSentCmd(a), newReadCmd(a), newAckCmd(a), newSearchCmd(a), newWatchCmd(a), newStatusCmd(a), newStateCmd(a)}},
		{groupLook, []*cobra.Command{newThreadsCmd(a), newProjectsCmd(a), newAgentsCmd(a), newWhoCmd(a), newShowCmd(a), newLogCmd(a)}},
		{groupStore, []*cobra.Command{newInitCmd(a), newUpdateCmd(a), newSyncCmd(a), newRemoteCmd(a), newDoctorCmd(a), newVerifyCmd(a), newGCCmd(a), newExportCmd(a), newImportCmd(a), newRedactCmd(a), newPruneCmd(a)}},
		{groupSetup, []*cobra.Command{newServeCmd(a), newConfigCmd(a), newCompletionCmd(a), newVersionCmd(a)}},
	} {
		for _, c := range group.commands {
			c.GroupID = group.id
			root.AddCommand(c)
		}
	}
}

// newHelpCmd replaces cobra's, which answers an unknown topic with exit code 0.
func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Say how a command is used",
		RunE: func(cmd *cobra.Command, args []string) error {
			topic, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(cmd.Root(), args)
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
	}
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	message := fmt.Sprintf("there is no command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		message += fmt.Sprintf(" (did you mean %s?)", strings.Join(near, " or "))
	}
	return usage(cmd, "%s", message)
}

// takes checks the number of arguments; what names them in errors.
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage(cmd, "%s needs %s", cmd.Name(), what)
		case most >= 0 && len(args) > most && most == 0:
			return usage(cmd, "%s takes no arguments, not %q", cmd.Name(), args[0])
		case most >= 0 && len(args) > most:
			return usage(cmd, "%s takes only %s: %q is too much", cmd.Name(), what, args[most])
		}
		return nil
	}
}
