// Package workload is what the server and the client share: the flags, and an identity from the agent.
package workload

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spiffe/go-spiffe/v2/logger"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// Exit codes.
const (
	ExitFailed     = 1
	ExitUsage      = 2
	ExitNoIdentity = 3
)

// IDs is a flag that may be given several times.
type IDs []spiffeid.ID

func (ids *IDs) String() string { return fmt.Sprint([]spiffeid.ID(*ids)) }

// Set adds one.
func (ids *IDs) Set(text string) error {
	id, err := spiffeid.FromString(text)
	if err == nil {
		*ids = append(*ids, id)
	}
	return err
}

// Flags is what both programs are told.
type Flags struct {
	authorize IDs
	wait      time.Duration
}

// ParseFlags reads the command line, with the flags that the program has declared besides. It ends the program on a
// mistake; a program without -authorize would be one that talks to everybody.
func ParseFlags() *Flags {
	flags := &Flags{}
	flag.Var(&flags.authorize, "authorize", "SPIFFE ID that the peer must have; may be repeated")
	flag.DurationVar(&flags.wait, "wait", 30*time.Second, "how long to wait for an identity")
	flag.Parse()
	if len(flags.authorize) == 0 || flag.NArg() > 0 {
		fmt.Fprintln(flag.CommandLine.Output(), "give at least one -authorize SPIFFE_ID, and flags only")
		flag.Usage()
		os.Exit(ExitUsage)
	}
	return flags
}

// Authorizer lets those in that -authorize names, and nobody else.
func (flags *Flags) Authorizer() tlsconfig.Authorizer {
	return tlsconfig.AuthorizeOneOf(flags.authorize...)
}

// Open waits for the first identity from the socket that SPIFFE_ENDPOINT_SOCKET names. From then on the source always
// has the newest one; updated is called after each change.
func (flags *Flags) Open(ctx context.Context, updated func()) (*workloadapi.X509Source, error) {
	ctx, cancel := context.WithTimeout(ctx, flags.wait)
	defer cancel()
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(workloadapi.WithLogger(errorLog{logger.Null})))
	if err != nil {
		return nil, fmt.Errorf("no identity from %s: %w", os.Getenv(workloadapi.SocketEnv), err)
	}
	tell(source)
	go func() {
		for range source.Updated() {
			tell(source)
			updated()
		}
	}()
	return source, nil
}

func tell(source *workloadapi.X509Source) {
	if svid, err := source.GetX509SVID(); err == nil {
		leaf := svid.Certificates[0]
		log.Printf("I am %s, certificate %s until %s", svid.ID, leaf.SerialNumber, leaf.NotAfter.Format(time.TimeOnly))
	}
}

// errorLog shows what the agent refuses. Without it a workload whose entry was deleted says nothing until its
// certificate has ended.
type errorLog struct{ logger.Logger }

func (errorLog) Errorf(format string, args ...any) {
	log.Printf("agent: "+strings.TrimSpace(format), args...)
}

// UntilSignal gives a context that ends with SIGTERM or Ctrl-C.
func UntilSignal() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
}
