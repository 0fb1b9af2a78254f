package hooks

import (
	"context"
	"os/exec"
)

// balloon shows a notification from the tray, which Windows plays a sound for.
const balloon = `Add-Type -AssemblyName System.Windows.Forms, System.Drawing
$icon = New-Object System.Windows.Forms.NotifyIcon
$icon.Icon = [System.Drawing.SystemIcons]::Information
$icon.Visible = $true
$icon.ShowBalloonTip(5000, $env:SKEIN_NOTICE_TITLE, $env:SKEIN_NOTICE_TEXT, 'Info')
Start-Sleep -Seconds 6
$icon.Dispose()`

func notification(ctx context.Context, title, text string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "powershell", "-NoProfile", "-NonInteractive", "-Command", balloon)
	cmd.Env = append(cmd.Environ(), "SKEIN_NOTICE_TITLE="+title, "SKEIN_NOTICE_TEXT="+text)
	return cmd
}
