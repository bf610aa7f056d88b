agent_address = "/tmp/spire-agent/public/api.sock"
cmd = "ghostunnel"
cmd_args = "server --listen localhost:8002 --target \"localhost:8003\""
pid_file_name = ""
renew_signal = "SIGUSR1"
cert_dir = "certs"
svid_file_name = "svid.pem"
svid_key_file_name = "svid_key.pem"
svid_bundle_file_name = "svid_bundle.pem"
cert_file_mode = 0444
key_file_mode = 0400
add_intermediates_to_bundle = true
// JWT
jwt_svids = [{jwt_audience="your-audience", jwt_extra_audiences=["extra", "more"], jwt_svid_file_name="jwt_svid.token"},
             {jwt_audience = "other", jwt_svid_file_name = "other.token",},]
health_checks {
  listener_enabled = true
  bind_port = 8081
  liveness_path = "/live"
}
