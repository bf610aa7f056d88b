// Command client asks a server over HTTPS, if it is the one that -authorize names, and says what it answered.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"

	"example.org/workload/workload"
)

const maxAnswer = 1 << 20

func main() {
	address := flag.String("connect", "127.0.0.1:8443", "address of the server")
	requests := flag.Int("requests", 1, "how many requests; 0 means until SIGTERM")
	interval := flag.Duration("interval", 100*time.Millisecond, "pause between requests")
	os.Exit(run(workload.ParseFlags(), "https://"+*address+"/", *requests, *interval))
}

func run(flags *workload.Flags, url string, requests int, interval time.Duration) int {
	ctx, stop := workload.UntilSignal()
	defer stop()
	transport := &http.Transport{ForceAttemptHTTP2: true}
	// A connection that waits for its next request was judged with certificates of before: a new one is opened instead.
	source, err := flags.Open(ctx, transport.CloseIdleConnections)
	if err != nil {
		log.Print(err)
		return workload.ExitNoIdentity
	}
	defer source.Close()
	transport.TLSClientConfig = tlsconfig.MTLSClientConfig(source, source, flags.Authorizer())
	asker := &asker{client: http.Client{Transport: transport, Timeout: 10 * time.Second}, url: url}
	for asked := 1; asker.count(ctx) && asked != requests; asked++ {
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
	log.Printf("stats: requests=%d failed=%d", asker.requests, asker.failed)
	if asker.failed > 0 {
		return workload.ExitFailed
	}
	return 0
}

type asker struct {
	client           http.Client
	url              string
	requests, failed int
	serial           string // of the server's certificate
}

// count asks once and counts; false at a signal. Nothing is tried again.
func (a *asker) count(ctx context.Context) bool {
	err := a.ask(ctx)
	if ctx.Err() != nil {
		return false
	}
	a.requests++
	if err != nil {
		a.failed++
		log.Printf("FAILED %v", err)
	}
	return true
}

// ask says what the server answers, once for each of its certificates.
func (a *asker) ask(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return err
	}
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", response.Status)
	}
	server := response.TLS.PeerCertificates[0]
	if serial := server.SerialNumber.String(); serial != a.serial {
		a.serial = serial
		log.Printf("%s, certificate %s, answers: %s", server.URIs[0], serial, strings.TrimSpace(string(body)))
	}
	return nil
}
