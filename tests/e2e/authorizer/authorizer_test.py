"""The agent's HTTP authorizer, asked by real proxies: who is let in, who is not, and that each learns of changes."""
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "cli"), str(HERE.parents[1] / "interop")]

import proxies  # noqa: E402
from lib.forger import Authority  # noqa: E402
from programs import Programs  # noqa: E402

BUILD = sys.argv.pop(1)
OWN, FOREIGN = "spiffe://example.org/web", "spiffe://other.org/web"
ALLOW = [OWN, "spiffe://other.org/*"]
POLICIES = {"web": {"allow": ALLOW}, "der": {"allow": ALLOW, "format": "der"}}


class World:
    """A server, an agent with the authorizer, and certificates of two trust domains."""

    def __init__(self):
        self.programs = Programs(BUILD)
        try:
            self.authz = self.programs.path("authz.sock")
            _, self.parent = self.programs.start_agent(
                {"authorizer": {"log_allowed": True, "policies": POLICIES}})
            self.folder = pathlib.Path(self.programs.folder.name)
            self.other = Authority(self.folder / "other", "other.org")
            self.web = self.mint("web", OWN)
            self.wrong = self.mint("wrong", "spiffe://example.org/other")
            self.forged = self.issue("forged", OWN)
            self.foreign = self.issue("foreign", FOREIGN)
        except BaseException:
            self.programs.close()
            raise

    def mint(self, name, spiffe_id, *more):
        folder = self.folder / name
        folder.mkdir()
        made = self.programs.server("x509", "mint", "-spiffeID", spiffe_id, "-write", str(folder), *more)
        assert made.code == 0, made.err
        return folder / "svid.pem", folder / "key.pem"

    def issue(self, name, spiffe_id):
        material = self.other.svid(name, spiffe_id, None)
        return material.certificate, material.key

    def federate(self, on):
        if on:
            self.ok("bundle", "set", "-id", "spiffe://other.org", "-path", str(self.other.root))
            self.ok("entry", "create", "-spiffeID", "spiffe://example.org/proxy", "-parentID", self.parent,
                    "-selector", "unix:uid:4242", "-federatesWith", "spiffe://other.org")
        else:
            self.ok("bundle", "delete", "-id", "spiffe://other.org", "-mode", "delete")

    def ok(self, *arguments):
        done = self.programs.server(*arguments)
        assert done.code == 0, done.err


def setUpModule():
    global WORLD
    WORLD = World()


def tearDownModule():
    WORLD.programs.close()


class Acceptance:
    """What holds behind every proxy. Subclasses say which."""
    without = 401  # the answer to a client that has no certificate

    def setUp(self):
        if not proxies.program(self.name):
            print(f"skipped, not proved: {self.name} is not installed", file=sys.stderr)
            self.skipTest(f"{self.name} is not installed")

    def start(self, **options):
        folder = WORLD.folder / f"{self.name}-{len(list(WORLD.folder.iterdir()))}"
        proxy = getattr(proxies, self.name)(folder, WORLD.authz, **options)
        self.addCleanup(proxy.stop)
        return proxy

    def let_in(self, proxy, certificate, spiffe_id, **options):
        answer = proxies.ask(proxy.socket, certificate, **options)
        self.assertEqual(answer.status, 200, (answer.body, (proxy.dir / "log").read_text()))
        self.assertEqual(answer.body, "hello")
        self.assertEqual(answer.headers.get("x-seen-id"), spiffe_id)

    def refused(self, proxy, certificate, status=403, **options):
        answer = proxies.ask(proxy.socket, certificate, **options)
        self.assertEqual(answer.status, status, answer.body)
        self.assertNotIn("x-seen-id", answer.headers)
        return answer

    def test_good_wrong_forged_and_none(self):
        proxy = self.start()
        self.let_in(proxy, WORLD.web, OWN)
        self.refused(proxy, WORLD.wrong)
        self.refused(proxy, WORLD.forged)
        self.refused(proxy, None, status=self.without)
        # What a client sends under the header's name is not believed.
        pem = WORLD.web[0].read_text()
        for value in (pem.replace("\n", " "), "".join(pem.split("\n")[1:-2])):
            self.refused(proxy, None, status=self.without, headers={"X-SSL-Client-Cert": value, "X-Spiffe-Id": OWN})
            self.refused(proxy, WORLD.wrong, headers={"X-SSL-Client-Cert": value})
        self.let_in(proxy, WORLD.web, OWN, headers={"X-Spiffe-Id": "spiffe://example.org/admin"})

    def test_a_certificate_that_was_let_in_is_refused_once_it_has_expired(self):
        proxy = self.start()
        short = WORLD.mint(f"short-{self.name}", OWN, "-ttl", "5s")
        with proxies.Client(proxy.socket, short) as client:
            self.assertEqual(client.ask().status, 200)
            Programs.wait_for("expiry", lambda: client.ask().status == 403)
        # On a new connection nginx sees it by itself and answers 400.
        self.assertIn(proxies.ask(proxy.socket, short).status, (400, 403))

    def test_another_trust_domain_counts_while_it_federates(self):
        proxy = self.start()
        self.refused(proxy, WORLD.foreign)
        WORLD.federate(True)
        Programs.wait_for("federation", lambda: proxies.ask(proxy.socket, WORLD.foreign).status == 200)
        self.let_in(proxy, WORLD.foreign, FOREIGN)
        self.refused(proxy, WORLD.forged)
        WORLD.federate(False)
        Programs.wait_for("its end", lambda: proxies.ask(proxy.socket, WORLD.foreign).status == 403)
        self.let_in(proxy, WORLD.web, OWN)


class Nginx(Acceptance, unittest.TestCase):
    name = "nginx"

    def test_a_ca_file_of_two_trust_domains_forges_nothing(self):
        both = WORLD.folder / "both.pem"
        both.write_text((WORLD.folder / "web/bundle.pem").read_text() + WORLD.other.root.read_text())
        proxy = self.start(verify=f"on; ssl_client_certificate {both}")
        self.let_in(proxy, WORLD.web, OWN)
        self.refused(proxy, WORLD.forged)


class Caddy(Acceptance, unittest.TestCase):
    name = "caddy"
    without = 403  # Caddy 2.6 sends the placeholder's own text, which is no certificate

    def test_a_request_with_a_body_is_judged_too(self):
        proxy = self.start()
        self.let_in(proxy, WORLD.web, OWN, method="POST", body=b"x" * 100_000)
        self.refused(proxy, WORLD.wrong, method="POST", body=b"x" * 100_000)


class Haproxy(Acceptance, unittest.TestCase):
    name = "haproxy"
    without = 403  # the script of the example answers nothing else


if __name__ == "__main__":
    unittest.main(verbosity=2)
