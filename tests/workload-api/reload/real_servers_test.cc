// Each action on the server that it is for, as Debian has it: the certificate on disk is replaced,
// the server is seen to go on with the old one, the action runs, the new one is seen. RabbitMQ and
// MariaDB take too long to start for a unit test; tests/interop has them.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "core/crypto/pem.h"
#include "tests/support/kubernetes/process.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "workload-api/reload/action.h"
#include "workload-api/reload/probe.h"

using namespace signet;
using namespace signet::reload;
using test::Child;
using test::WriteWholeFile;

namespace {

constexpr Duration kPatience = std::chrono::seconds(20);

void Need(const std::string& program) {
  if (access(program.c_str(), X_OK) != 0) {
    std::printf("skipped, not proved: there is no %s here\n", program.c_str());
    std::fflush(stdout);
    std::_Exit(77);  // what ctest takes for "skipped"
  }
}

// A server's folder with its certificate files, and where it is to be found.
class Site {
 public:
  Site() : ca_("example.org", RealClock().Now()), port_(test::FreePort()) {
    chmod(dir_.path().c_str(), 0755);  // some servers give up root's rights
    Renew();
  }
  // Renew puts a new pair on disk, as delivery would.
  void Renew() {
    test::CertOptions options;
    options.uris = {"spiffe://example.org/server"};
    options.dns = {"localhost"};
    options.not_before = RealClock().Now() - std::chrono::minutes(1);
    options.not_after = RealClock().Now() + std::chrono::hours(1);
    current_ = ca_.Issue(options);
    const std::string chain = crypto::PemEncode("CERTIFICATE", current_.der);
    const std::string key = crypto::PemEncode("PRIVATE KEY", current_.key_pkcs8);
    Write("svid.pem", chain);
    Write("key.pem", key);
    Write("both.pem", key + chain);
    Write("ca.pem", crypto::PemEncode("CERTIFICATE", ca_.der()));
  }
  void Write(const std::string& name, const std::string& text) {
    WriteWholeFile(Path(name), text);
    chmod(Path(name).c_str(), 0600);
    if (owner_ != 0) {
      REQUIRE(chown(Path(name).c_str(), owner_, owner_) == 0);
    }
  }
  void GiveTo(uid_t owner) {
    owner_ = owner;
    REQUIRE(chown(dir_.path().c_str(), owner, owner) == 0);
    Renew();
  }
  std::string Path(const std::string& name) const { return dir_.File(name); }
  std::string Log() const { return test::ReadWholeFile(Path("log")); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string port() const { return std::to_string(port_); }
  const Bytes& leaf() const { return current_.der; }
  Action::Files files() const {
    Action::Files files;
    for (const std::string name : {"svid.pem", "key.pem", "both.pem", "ca.pem"}) {
      files[name] = Path(name);
    }
    return files;
  }
  // Text with DIR and PORT replaced.
  std::string Fill(std::string text) const {
    for (const auto& [word, value] :
         {std::pair<std::string, std::string>{"DIR", dir_.path()}, {"PORT", port()}}) {
      for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos;) {
        text.replace(at, word.size(), value);
        at += value.size();
      }
    }
    return text;
  }

 private:
  test::TempDir dir_;
  test::TestCa ca_;
  test::TestCert current_;
  uid_t owner_ = 0;
  int port_;
};

// A server whose workers would outlive a killed master: it is asked to end, whatever the test says.
class Server {
 public:
  Server(const std::vector<std::string>& command, const Site& site)
      : child_(command, site.Path("log")) {}
  ~Server() { child_.End(SIGTERM); }

 private:
  Child child_;
};

Result<Bytes> See(const Site& site, const std::string& protocol) {
  return ServedCertificate({site.address(), protocol, "localhost", std::chrono::seconds(2)});
}

bool Serves(const Site& site, const std::string& protocol, const Bytes& leaf) {
  for (int i = 0; i < 1000; ++i) {
    const auto seen = See(site, protocol);
    if (seen.ok() && *seen == leaf) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

Status Run(const ActionSpec& spec, const Site& site) {
  auto action = MakeAction(spec);
  REQUIRE_OK(action);
  return (*action)->Run(site.files(), kPatience);
}

// The story that every server has to play.
void Prove(Site& site, const ActionSpec& spec, const std::string& protocol = "tls") {
  const Bytes old = site.leaf();
  const bool serves_old = Serves(site, protocol, old);
  INFO(site.Log());
  REQUIRE(serves_old);
  site.Renew();
  REQUIRE(old != site.leaf());
  const auto not_told = See(site, protocol);
  REQUIRE_OK(not_told);
  CHECK(*not_told == old);
  REQUIRE_OK(Run(spec, site));
  CHECK(Serves(site, protocol, site.leaf()));
  REQUIRE_OK(Run(spec, site));  // safe to repeat
}

const std::map<std::string, std::string> kPair = {
    {"certificate", "svid.pem"}, {"key", "key.pem"}, {"ca", "ca.pem"}};

}  // namespace

TEST_CASE("nginx reloads at a HUP to the process of its pid file") {
  Need("/usr/sbin/nginx");
  Site site;
  site.Write("nginx.conf",
             site.Fill("pid DIR/pid; error_log stderr; daemon off;\n"
                       "events {}\n"
                       "http { access_log off; server { listen 127.0.0.1:PORT ssl;\n"
                       "  ssl_certificate DIR/svid.pem; ssl_certificate_key DIR/key.pem;\n"
                       "  ssl_client_certificate DIR/ca.pem; ssl_verify_client on;\n"
                       "  return 200; } }\n"));
  Server nginx(
      {"/usr/sbin/nginx", "-e", "stderr", "-p", site.Path(""), "-c", site.Path("nginx.conf")},
      site);
  Prove(site, {.kind = "signal", .pid_file = site.Path("pid")});
}

TEST_CASE("Apache httpd reloads at a USR1 to the process of its pid file") {
  Need("/usr/sbin/apache2");
  Site site;
  site.Write("httpd.conf", site.Fill("ServerName localhost\nServerRoot DIR\nPidFile DIR/pid\n"
                                     "ErrorLog /dev/stderr\nListen 127.0.0.1:PORT\n"
                                     "LoadModule mpm_event_module MODS/mod_mpm_event.so\n"
                                     "LoadModule authz_core_module MODS/mod_authz_core.so\n"
                                     "LoadModule ssl_module MODS/mod_ssl.so\n"
                                     "User www-data\nGroup www-data\nSSLEngine on\n"
                                     "SSLCertificateFile DIR/svid.pem\n"
                                     "SSLCertificateKeyFile DIR/key.pem\n"));
  std::string text = test::ReadWholeFile(site.Path("httpd.conf"));
  for (std::size_t at; (at = text.find("MODS")) != std::string::npos;) {
    text.replace(at, 4, "/usr/lib/apache2/modules");
  }
  site.Write("httpd.conf", text);
  Server apache({"/usr/sbin/apache2", "-DFOREGROUND", "-f", site.Path("httpd.conf")}, site);
  Prove(site, {.kind = "signal", .signal = "USR1", .pid_file = site.Path("pid")});
}

TEST_CASE("stunnel reloads its one PEM file at a HUP") {
  Need("/usr/bin/stunnel4");
  Site site;
  site.Write("stunnel.conf", site.Fill("foreground = yes\npid = DIR/pid\n[in]\n"
                                       "accept = 127.0.0.1:PORT\nconnect = 127.0.0.1:1\n"
                                       "cert = DIR/both.pem\n"));
  Child stunnel({"/usr/bin/stunnel4", site.Path("stunnel.conf")}, site.Path("log"));
  Prove(site, {.kind = "signal", .pid_file = site.Path("pid")});
}

TEST_CASE("NATS reloads at a HUP, and is probed behind its INFO line") {
  Need("/usr/sbin/nats-server");
  Site site;
  site.Write("nats.conf",
             site.Fill("listen: \"127.0.0.1:PORT\"\npid_file: \"DIR/pid\"\n"
                       "tls { cert_file: \"DIR/svid.pem\", key_file: \"DIR/key.pem\",\n"
                       "  ca_file: \"DIR/ca.pem\", verify_and_map: true }\n"));
  Child nats({"/usr/sbin/nats-server", "-c", site.Path("nats.conf")}, site.Path("log"));
  Prove(site, {.kind = "signal", .pid_file = site.Path("pid")}, "nats");
}

TEST_CASE("Redis takes the files by CONFIG SET though their paths stay the same") {
  Need("/usr/bin/redis-server");
  Site site;
  site.Write("redis.conf", site.Fill("port 0\nbind 127.0.0.1\ntls-port PORT\nunixsocket DIR/sock\n"
                                     "tls-cert-file DIR/svid.pem\ntls-key-file DIR/key.pem\n"
                                     "tls-ca-cert-file DIR/ca.pem\nsave \"\"\ndir DIR\n"
                                     "requirepass s3cret\n"));
  site.Write("password", "s3cret\n");
  Child redis({"/usr/bin/redis-server", site.Path("redis.conf")}, site.Path("log"));
  ActionSpec spec{.kind = "redis",
                  .socket = site.Path("sock"),
                  .password_file = site.Path("password"),
                  .files = kPair};
  Prove(site, spec);
  spec.password_file.clear();
  REQUIRE_ERROR(Run(spec, site), Code::kFailedPrecondition, "NOAUTH");
  spec.socket = site.address();  // its TLS port
  REQUIRE_ERROR(Run(spec, site), Code::kUnavailable, "");
}

TEST_CASE("Redis refuses a key that does not fit, and keeps the old pair") {
  Need("/usr/bin/redis-server");
  Site site;
  site.Write("redis.conf", site.Fill("port 0\nbind 127.0.0.1\ntls-port PORT\nunixsocket DIR/sock\n"
                                     "tls-cert-file DIR/svid.pem\ntls-key-file DIR/key.pem\n"
                                     "tls-ca-cert-file DIR/ca.pem\nsave \"\"\ndir DIR\n"));
  Child redis({"/usr/bin/redis-server", site.Path("redis.conf")}, site.Path("log"));
  const Bytes old = site.leaf();
  REQUIRE(Serves(site, "tls", old));
  const std::string old_key = test::ReadWholeFile(site.Path("key.pem"));
  site.Renew();
  site.Write("key.pem", old_key);
  REQUIRE_ERROR(Run({.kind = "redis", .socket = site.Path("sock"), .files = kPair}, site),
                Code::kFailedPrecondition, "Unable to update TLS configuration");
  CHECK(Serves(site, "tls", old));
}

TEST_CASE("Caddy loads its configuration again, by TCP and by Unix socket") {
  Need("/usr/bin/caddy");
  const bool unix_socket = GENERATE(false, true);
  Site site;
  const std::string admin =
      unix_socket ? site.Path("sock") : "127.0.0.1:" + std::to_string(test::FreePort());
  site.Write(
      "caddy.json",
      site.Fill("{\"admin\":{\"listen\":\"" + std::string(unix_socket ? "unix/" : "") + admin +
                "\",\"config\":{\"persist\":false}},\"apps\":{\"http\":{\"servers\":{\"s\":{"
                "\"listen\":[\"127.0.0.1:PORT\"],\"automatic_https\":{\"disable\":true},"
                "\"tls_connection_policies\":[{}]}}},\"tls\":{\"certificates\":{"
                "\"load_files\":[{\"certificate\":\"DIR/svid.pem\",\"key\":\"DIR/key.pem\"}]}}}}"));
  Child caddy({"/usr/bin/caddy", "run", "--config", site.Path("caddy.json")}, site.Path("log"));
  Prove(site, {.kind = "caddy", .socket = admin});
}

TEST_CASE("PostgreSQL reloads at a HUP to its postmaster, and is probed behind its SSLRequest") {
  const std::string bin = "/usr/lib/postgresql/15/bin/";
  Need(bin + "postgres");
  Need("/usr/bin/setpriv");
  Site site;
  std::vector<std::string> as_postgres;
  if (geteuid() == 0) {  // PostgreSQL does not run as root
    site.GiveTo(65534);
    as_postgres = {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
  }
  const auto command = [&](std::vector<std::string> words) {
    words.insert(words.begin(), as_postgres.begin(), as_postgres.end());
    return words;
  };
  {
    Child initdb(command({bin + "initdb", "-D", site.Path("data"), "-A", "trust", "-U", "postgres",
                          "--no-sync", "--no-instructions", "--locale=C"}),
                 site.Path("log"));
    for (int i = 0; i < 2000 && initdb.running(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    REQUIRE_FALSE(initdb.running());
  }
  Child postgres(
      command({bin + "postgres", "-D", site.Path("data"), "-h", "127.0.0.1", "-p", site.port(),
               "-k", site.Path(""), "-c", "ssl=on", "-c", "ssl_cert_file=" + site.Path("svid.pem"),
               "-c", "ssl_key_file=" + site.Path("key.pem"), "-c", "fsync=off"}),
      site.Path("log"));
  Prove(site, {.kind = "postgresql", .data_dir = site.Path("data")}, "postgresql");
}
