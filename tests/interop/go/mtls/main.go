// Command mtls is one side of mutual TLS on go-spiffe, whose other side is our C++ example (or this program).
//
// The client makes a new connection for each exchange: it writes one line, the server answers with one. As a client it
// ends once both sides have been seen with the wanted number of different leaf certificates, and fails if one
// exchange failed.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

const exchangeTimeout = 5 * time.Second

func serve(ctx context.Context, source *workloadapi.X509Source, address string, authorize tlsconfig.Authorizer) error {
	listener, err := tls.Listen("tcp", address, tlsconfig.MTLSServerConfig(source, source, authorize))
	if err != nil {
		return err
	}
	fmt.Printf("listening %s\n", listener.Addr())
	go func() {
		<-ctx.Done()
		listener.Close()
	}()
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go answer(conn.(*tls.Conn))
	}
}

// answer repeats every line and says who sent it, until the client hangs up.
func answer(conn *tls.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(exchangeTimeout))
	if err := conn.Handshake(); err != nil {
		fmt.Printf("refused: %v\n", err)
		return
	}
	id, err := x509svid.IDFromCert(conn.ConnectionState().PeerCertificates[0])
	if err != nil {
		fmt.Printf("refused: %v\n", err)
		return
	}
	_ = conn.SetDeadline(time.Time{})
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if _, err := fmt.Fprintf(conn, "to %s: %s\n", id, lines.Text()); err != nil {
			return
		}
	}
	if err := lines.Err(); err != nil {
		// Under TLS 1.3 a client's refusal arrives after the server thinks that the handshake is over.
		fmt.Printf("refused: %v\n", err)
	}
}

// exchange makes one request on a connection of its own and returns the server's leaf.
func exchange(source *workloadapi.X509Source, address string, authorize tlsconfig.Authorizer) (*x509.Certificate, error) {
	dialer := &net.Dialer{Timeout: exchangeTimeout}
	conn, err := tls.DialWithDialer(dialer, "tcp", address, tlsconfig.MTLSClientConfig(source, source, authorize))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(exchangeTimeout))
	if _, err := fmt.Fprintf(conn, "request\n"); err != nil {
		return nil, err
	}
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		return nil, fmt.Errorf("no answer: %w", err)
	}
	return conn.ConnectionState().PeerCertificates[0], nil
}

// goal is what must have been seen before the client ends: leaf certificates of each side, and authorities that signed
// the server's.
type goal struct{ leaves, authorities int }

func request(ctx context.Context, source *workloadapi.X509Source, address string, authorize tlsconfig.Authorizer, want goal) error {
	own, peer, authorities := map[string]bool{}, map[string]bool{}, map[string]bool{}
	requests, failed := 0, 0
	var first error
	figures := func() string {
		return fmt.Sprintf("requests=%d failed=%d own_leaves=%d peer_leaves=%d peer_authorities=%d",
			requests, failed, len(own), len(peer), len(authorities))
	}
	for len(own) < want.leaves || len(peer) < want.leaves || len(authorities) < want.authorities {
		if ctx.Err() != nil {
			return fmt.Errorf("%s, wanted %+v; first failure: %v", figures(), want, first)
		}
		requests++
		if svid, err := source.GetX509SVID(); err == nil {
			own[svid.Certificates[0].SerialNumber.String()] = true
		}
		leaf, err := exchange(source, address, authorize)
		if err != nil {
			failed++
			if first == nil {
				first = err
			}
		} else {
			peer[leaf.SerialNumber.String()] = true
			authorities[string(leaf.AuthorityKeyId)] = true
		}
		time.Sleep(50 * time.Millisecond)
	}
	if failed > 0 {
		return fmt.Errorf("%s; the first failure: %w", figures(), first)
	}
	fmt.Printf("ok %s\n", figures())
	return nil
}

func run() error {
	mode := flag.String("mode", "client", "client or server")
	socket := flag.String("socket", "", "Workload API, unix:///path")
	address := flag.String("address", "127.0.0.1:0", "to listen on, or to call")
	peer := flag.String("peer", "", "SPIFFE ID that the other side must have")
	leaves := flag.Int("leaves", 2, "client: end after this many different certificates on each side")
	authorities := flag.Int("authorities", 1, "client: and after this many authorities of the server's certificates")
	timeout := flag.Duration("timeout", 2*time.Minute, "end after this long")
	flag.Parse()

	id, err := spiffeid.FromString(*peer)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(workloadapi.WithAddr(*socket)))
	if err != nil {
		return err
	}
	defer source.Close()
	if *mode == "server" {
		return serve(ctx, source, *address, tlsconfig.AuthorizeID(id))
	}
	return request(ctx, source, *address, tlsconfig.AuthorizeID(id), goal{*leaves, *authorities})
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
