// Command server answers over HTTPS, to the clients that -authorize names and to nobody else, and tells them who they are.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"

	"example.org/workload/workload"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8443", "address to listen on; port 0 is any")
	os.Exit(run(workload.ParseFlags(), listen))
}

func run(flags *workload.Flags, listen *string) int {
	ctx, stop := workload.UntilSignal()
	defer stop()
	source, err := flags.Open(ctx, func() {})
	if err != nil {
		log.Print(err)
		return workload.ExitNoIdentity
	}
	defer source.Close()
	if err := serve(ctx, *listen, source, flags.Authorizer()); err != nil {
		log.Print(err)
		return workload.ExitFailed
	}
	return 0
}

func serve(ctx context.Context, address string, source *workloadapi.X509Source, authorize tlsconfig.Authorizer) error {
	// The whole of the binding: for each handshake the newest certificate and bundles are asked of the source.
	config := tlsconfig.MTLSServerConfig(source, source, authorize)
	// A resumed session is not verified again: go-spiffe's check is not called for it.
	config.SessionTicketsDisabled = true
	server := &http.Server{
		Handler:           authorized(source, authorize, http.HandlerFunc(answer)),
		TLSConfig:         config,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       30 * time.Second,
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	log.Printf("listening on %s", listener.Addr())
	finished := make(chan error, 1)
	go func() {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		finished <- server.Shutdown(patience) // requests that have begun are answered
	}()
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-finished
}

func answer(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "to %s\n", r.TLS.PeerCertificates[0].URIs[0]) // verified: there is one, and it is a SPIFFE ID
}

// authorized judges the client's certificate at each request: a connection can outlive the trust that it began with.
func authorized(source *workloadapi.X509Source, authorize tlsconfig.Authorizer, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, chains, err := x509svid.Verify(r.TLS.PeerCertificates, source)
		if err == nil {
			err = authorize(id, chains)
		}
		if err != nil {
			log.Printf("refused %s: %v", r.RemoteAddr, err)
			w.Header().Set("Connection", "close")
			http.Error(w, "not authorized", http.StatusForbidden)
			return
		}
		if pastHalf(r.TLS) {
			w.Header().Set("Connection", "close") // its client has a newer certificate by now
		}
		next.ServeHTTP(w, r)
	})
}

// pastHalf tells that the client's certificate has less than half of its life left.
func pastHalf(connection *tls.ConnectionState) bool {
	leaf := connection.PeerCertificates[0]
	return time.Until(leaf.NotAfter) < leaf.NotAfter.Sub(leaf.NotBefore)/2
}
