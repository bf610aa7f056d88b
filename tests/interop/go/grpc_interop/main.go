// Command grpc_interop runs cases of the gRPC project's own interop client against one target.
//
// It exists because the stock client program dials host:port only; the cases themselves are the gRPC project's
// (google.golang.org/grpc/interop) and are called unchanged. One case a process: the package ends the process with
// a message when a case fails.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

type testCase func(ctx context.Context, conn *grpc.ClientConn)

func onTestService(run func(context.Context, testgrpc.TestServiceClient, ...grpc.CallOption)) testCase {
	return func(ctx context.Context, conn *grpc.ClientConn) { run(ctx, testgrpc.NewTestServiceClient(conn)) }
}

var cases = map[string]testCase{
	"empty_unary":                 onTestService(interop.DoEmptyUnaryCall),
	"large_unary":                 onTestService(interop.DoLargeUnaryCall),
	"client_streaming":            onTestService(interop.DoClientStreaming),
	"server_streaming":            onTestService(interop.DoServerStreaming),
	"ping_pong":                   onTestService(interop.DoPingPong),
	"empty_stream":                onTestService(interop.DoEmptyStream),
	"timeout_on_sleeping_server":  onTestService(interop.DoTimeoutOnSleepingServer),
	"cancel_after_begin":          onTestService(interop.DoCancelAfterBegin),
	"cancel_after_first_response": onTestService(interop.DoCancelAfterFirstResponse),
	"status_code_and_message":     onTestService(interop.DoStatusCodeAndMessage),
	"special_status_message":      onTestService(interop.DoSpecialStatusMessage),
	"custom_metadata":             onTestService(interop.DoCustomMetadata),
	"unimplemented_method": func(ctx context.Context, conn *grpc.ClientConn) {
		interop.DoUnimplementedMethod(ctx, conn)
	},
	"unimplemented_service": func(ctx context.Context, conn *grpc.ClientConn) {
		interop.DoUnimplementedService(ctx, testgrpc.NewUnimplementedServiceClient(conn))
	},
}

func transport(caFile, serverName string) (credentials.TransportCredentials, error) {
	if caFile == "" {
		return insecure.NewCredentials(), nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in it", caFile)
	}
	return credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: serverName, MinVersion: tls.VersionTLS12}), nil
}

func main() {
	target := flag.String("target", "", "unix:///path or host:port")
	caFile := flag.String("ca", "", "PEM roots; given: TLS")
	serverName := flag.String("server-name", "localhost", "name to verify under TLS")
	name := flag.String("case", "", "case to run")
	timeout := flag.Duration("timeout", 30*time.Second, "budget of the case")
	flag.Parse()

	run, known := cases[*name]
	if !known {
		log.Fatalf("unknown case %q", *name)
	}
	creds, err := transport(*caFile, *serverName)
	if err != nil {
		log.Fatal(err)
	}
	conn, err := grpc.NewClient(*target, grpc.WithTransportCredentials(creds))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	run(ctx, conn)
	fmt.Printf("ok %s\n", *name)
}
