// Command svid_watch is a workload on go-spiffe: it watches its X.509 context on a Workload API socket, holds every
// update against the rules (each SVID's chain verifies against the bundle of its trust domain, at this moment), and
// ends when it has seen enough different leaf certificates.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

type watcher struct {
	expect  string
	want    int
	serials map[string]bool
	roots   map[string]bool
	updates int
	stop    context.CancelFunc
	err     error
}

func (w *watcher) fail(err error) {
	if w.err == nil {
		w.err = err
	}
	w.stop()
}

func (w *watcher) OnX509ContextUpdate(update *workloadapi.X509Context) {
	w.updates++
	for _, svid := range update.SVIDs {
		id, _, err := x509svid.Verify(svid.Certificates, update.Bundles)
		if err != nil {
			w.fail(fmt.Errorf("update %d: %s does not verify: %w", w.updates, svid.ID, err))
			return
		}
		if id != svid.ID {
			w.fail(fmt.Errorf("update %d: certificate says %s, message says %s", w.updates, id, svid.ID))
			return
		}
	}
	svid := update.DefaultSVID()
	if w.expect != "" && svid.ID.String() != w.expect {
		w.fail(fmt.Errorf("update %d: default SVID is %s, expected %s", w.updates, svid.ID, w.expect))
		return
	}
	w.serials[svid.Certificates[0].SerialNumber.String()] = true
	if bundle, err := update.Bundles.GetX509BundleForTrustDomain(svid.ID.TrustDomain()); err == nil {
		for _, root := range bundle.X509Authorities() {
			w.roots[string(root.Raw)] = true
		}
	}
	if len(w.serials) >= w.want {
		w.stop()
	}
}

func (w *watcher) OnX509ContextWatchError(err error) {
	// A restart of the agent ends streams; the library reconnects. What matters is that updates go on.
	fmt.Fprintf(os.Stderr, "watch: %v\n", err)
}

// bundlesAgree fetches the bundles by their own RPC and holds them against those that came with the SVIDs.
func bundlesAgree(ctx context.Context, client *workloadapi.Client, svids *x509svid.SVID, set *x509bundle.Set) error {
	alone, err := client.FetchX509Bundles(ctx)
	if err != nil {
		return fmt.Errorf("FetchX509Bundles: %w", err)
	}
	one, err := alone.GetX509BundleForTrustDomain(svids.ID.TrustDomain())
	if err != nil {
		return err
	}
	other, err := set.GetX509BundleForTrustDomain(svids.ID.TrustDomain())
	if err != nil {
		return err
	}
	if !one.Equal(other) {
		return fmt.Errorf("FetchX509Bundles and FetchX509SVID disagree about %s", svids.ID.TrustDomain())
	}
	return nil
}

func run() error {
	socket := flag.String("socket", "", "Workload API, unix:///path")
	expect := flag.String("expect-id", "", "SPIFFE ID that the default SVID must have")
	rotations := flag.Int("leaves", 1, "end after this many different leaf certificates")
	timeout := flag.Duration("timeout", time.Minute, "fail after this long")
	flag.Parse()

	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(*socket))
	if err != nil {
		return err
	}
	defer client.Close()
	first, err := client.FetchX509Context(ctx)
	if err != nil {
		return fmt.Errorf("FetchX509Context: %w", err)
	}
	if err := bundlesAgree(ctx, client, first.DefaultSVID(), first.Bundles); err != nil {
		return err
	}
	watch, stop := context.WithCancel(ctx)
	defer stop()
	w := &watcher{expect: *expect, want: *rotations, serials: map[string]bool{}, roots: map[string]bool{}, stop: stop}
	_ = client.WatchX509Context(watch, w)
	if w.err != nil {
		return w.err
	}
	if len(w.serials) < *rotations {
		return fmt.Errorf("%d leaf certificates in %s, wanted %d", len(w.serials), *timeout, *rotations)
	}
	fmt.Printf("ok id=%s updates=%d leaves=%d roots=%d\n", first.DefaultSVID().ID, w.updates, len(w.serials), len(w.roots))
	return nil
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
