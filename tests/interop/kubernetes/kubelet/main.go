// Command kubelet is kubemark: the real kubelet above a runtime and mounts that are not real.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kubemark/app"
)

func main() { os.Exit(cli.Run(app.NewHollowNodeCommand())) }
