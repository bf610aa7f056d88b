server {
    bind_address = "0.0.0.0"
    bind_port = "8081"
    trust_domain = "example.org"
    data_dir = "./.data"
    ca_subject = {
        country = ["US"],
        organization = ["SPIFFE"],
        common_name = "",
    }
    admin_ids = []
    ratelimit { attestation = false }
    federation {
        bundle_endpoint {
            address = "0.0.0.0"
            port = 8443
            profile "https_web" { acme { email = "a@b" tos_accepted = true } }
        }
        federates_with "domain1.test" {
            bundle_endpoint_url = "https://1.2.3.4:8443"
            bundle_endpoint_profile "https_spiffe" { endpoint_spiffe_id = "spiffe://domain1.test/b" }
        }
        federates_with "domain2" { bundle_endpoint_url = "https://d2" }
    }
}

plugins {
    DataStore "sql" {
        plugin_data {
            database_type = "sqlite3"
            connection_string = "./.data/datastore.sqlite3"
        }
    }
    KeyManager "memory" {
        plugin_data = {}
    }
    NodeAttestor "k8s_psat" {
        plugin_data {
            clusters = {
                # a cluster
                "my-cluster" = { service_account_allow_list = ["spire:agent", "a:b"] }
                "other.cluster" = { }
            }
        }
    }
}

telemetry {
    Prometheus { port = 1234 }
    DogStatsd = [
        { address = "localhost:8125" },
        { address = "collector.example.org:1337" }
    ]
    Statsd = [ { address = "localhost:1337" }, ]
}
