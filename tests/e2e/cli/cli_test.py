"""Every command of signet-server and signet-agent against running programs: output, JSON, errors, exit codes."""
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import unittest

from programs import Programs, run

BUILD = sys.argv.pop(1)
PARENT = "spiffe://example.org/spire/agent/x"
WEB = ["-spiffeID", "spiffe://example.org/web", "-parentID", PARENT, "-selector", "unix:uid:4242"]


class CliTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.programs = Programs(BUILD)
        cls.server = cls.programs.server
        cls.agent = cls.programs.agent

    @classmethod
    def tearDownClass(cls):
        cls.programs.close()

    def ok(self, outcome):
        self.assertEqual(outcome.code, 0, outcome.err)
        return outcome

    def fails(self, outcome, text, code=1):
        self.assertEqual(outcome.code, code, outcome.out)
        self.assertIn(text, outcome.err)
        return outcome


class EntryTest(CliTest):
    def test_an_entry_lives_from_create_to_delete(self):
        made = self.ok(self.server("entry", "create", *WEB, "-x509SVIDTTL", "60", "-dns", "a.b", "-hint", "h"))
        entry_id = re.search(r"Entry ID +: (\S+)", made.out).group(1)
        self.assertIn("X509-SVID TTL           : 60\n", made.out)
        self.assertIn("DNS name                : a.b\n", made.out)

        again = self.server("entry", "create", *WEB, "-output", "json")
        self.assertEqual(again.code, 1)
        self.assertEqual(again.json()["results"][0]["status"]["code"], 6)

        self.ok(self.server("entry", "update", "-entryID", entry_id, *WEB, "-admin"))
        shown = self.ok(self.server("entry", "show", "-entryID", entry_id, "-output", "json")).json()
        self.assertEqual(len(shown["entries"]), 1)
        self.assertTrue(shown["entries"][0]["admin"])
        self.assertEqual(shown["entries"][0]["revision_number"], "1")

        for filters, count in ((["-spiffeID", "spiffe://example.org/web"], 1), (["-parentID", PARENT], 1),
                               (["-selector", "unix:uid:4242"], 1), (["-selector", "unix:uid:1"], 0),
                               (["-downstream"], 0), (["-hint", "none"], 0)):
            self.assertEqual(self.ok(self.server("entry", "count", *filters, "-output", "json")).json(),
                             {"count": count}, filters)
        self.assertIn("Found 1 entry\n", self.ok(self.server("entry", "show", "-parentID", PARENT)).out)

        gone = self.ok(self.server("entry", "delete", "-entryID", entry_id))
        self.assertIn(f"Deleted entry with ID: {entry_id}\n", gone.out)
        self.fails(self.server("entry", "delete", "-entryID", entry_id), "NotFound")
        self.fails(self.server("entry", "show", "-entryID", entry_id), "Error: ")
        self.fails(self.server("entry", "update", "-entryID", entry_id, *WEB), "NotFound")

    def test_many_entries_come_from_a_file_and_go_by_one(self):
        entries = [{"spiffe_id": f"spiffe://example.org/many/{i}", "parent_id": "spiffe://example.org/many",
                    "selectors": [{"type": "unix", "value": f"uid:{i}"}]} for i in range(1203)]
        file = self.programs.write("entries.json", {"entries": entries})
        made = self.ok(self.server("entry", "create", "-data", file, "-output", "json")).json()
        ids = [result["entry"]["id"] for result in made["results"]]
        self.assertEqual(len(set(ids)), 1203)
        shown = self.ok(self.server("entry", "show", "-parentID", "spiffe://example.org/many"))
        self.assertTrue(shown.out.startswith("Found 1203 entries\n"))
        self.ok(self.server("entry", "delete", "-file", "-", stdin=json.dumps({"ids": ids})))
        self.fails(self.server("entry", "create", "-data", "-", stdin='{"entries": [{"spiffe": 1}]}'),
                   "entries[0]: unknown member")

    def test_the_servers_refusals_are_shown(self):
        self.fails(self.server("entry", "create", "-spiffeID", "spiffe://other.org/x", "-parentID", PARENT,
                               "-selector", "a:b"), "InvalidArgument")
        self.fails(self.server("entry", "create", *WEB, "-federatesWith", "unknown.org"), "Failed to create")


class AdminTest(CliTest):
    def test_tokens(self):
        self.assertRegex(self.ok(self.server("token", "generate", "-ttl", "60")).out, r"^Token: [0-9a-f-]{36}\n$")
        token = self.ok(self.server("token", "generate", "-ttl", "60", "-output", "json")).json()
        self.assertLessEqual(abs(int(token["expires_at"]) - time.time() - 60), 5)
        self.fails(self.server("token", "generate", "-ttl", "0"), "Error: ")

    def test_bundles_of_other_domains(self):
        pem = self.ok(self.server("bundle", "show")).out
        self.assertEqual(self.ok(self.server("bundle", "set", "-id", "other.org", stdin=pem)).out, "bundle set.\n")
        self.assertEqual(self.ok(self.server("bundle", "count")).out, "2 bundles\n")
        self.assertEqual(self.ok(self.server("bundle", "list", "-id", "other.org")).out, pem)
        self.assertIn("* other.org\n", self.ok(self.server("bundle", "list")).out)
        jwks = self.ok(self.server("bundle", "list", "-id", "other.org", "-format", "spiffe"))
        self.assertEqual(jwks.json()["keys"][0]["use"], "x509-svid")
        file = self.programs.write("other.json", jwks.out)
        self.ok(self.server("bundle", "set", "-id", "spiffe://other.org", "-format", "spiffe", "-path", file))

        self.ok(self.server("entry", "create", "-spiffeID", "spiffe://example.org/f", "-parentID", PARENT,
                            "-selector", "a:b", "-federatesWith", "other.org"))
        self.fails(self.server("bundle", "delete", "-id", "other.org"), "Error: ")
        self.ok(self.server("bundle", "delete", "-id", "other.org", "-mode", "delete"))
        self.assertEqual(self.server("entry", "count", "-spiffeID", "spiffe://example.org/f").out,
                         "0 registration entries\n")
        self.fails(self.server("bundle", "list", "-id", "other.org"), "Error: ")
        self.fails(self.server("bundle", "set", "-id", "example.org", stdin=pem), "Error: ")
        self.fails(self.server("bundle", "set", "-id", "other.org", stdin="junk"), "Error: ")

    def test_a_minted_svid_passes_openssl(self):
        folder = self.programs.path("minted")
        os.mkdir(folder)
        self.ok(self.server("x509", "mint", "-spiffeID", "spiffe://example.org/minted", "-ttl", "10m",
                            "-dns", "m.example.org", "-write", folder))
        self.assertEqual(stat.S_IMODE(os.stat(f"{folder}/key.pem").st_mode), 0o600)
        verified = run("openssl", "verify", "-x509_strict", "-CAfile", f"{folder}/bundle.pem", f"{folder}/svid.pem")
        self.assertEqual(verified.code, 0, verified.err)
        text = run("openssl", "x509", "-in", f"{folder}/svid.pem", "-noout", "-ext", "subjectAltName").out
        self.assertIn("URI:spiffe://example.org/minted", text)
        self.assertIn("DNS:m.example.org", text)
        public = run("openssl", "pkey", "-in", f"{folder}/key.pem", "-pubout").out
        self.assertEqual(public, run("openssl", "x509", "-in", f"{folder}/svid.pem", "-noout", "-pubkey").out)
        shown = self.ok(self.server("x509", "mint", "-spiffeID", "spiffe://example.org/m", "-output", "json")).json()
        self.assertEqual(sorted(shown), ["private_key", "root_cas", "x509_svid"])
        long = self.ok(self.server("x509", "mint", "-spiffeID", "spiffe://example.org/m", "-ttl", "999h"))
        self.assertIn("ends with its authority", long.err)
        self.fails(self.server("x509", "mint", "-spiffeID", "spiffe://elsewhere/m"), "Error: ")

    def test_authorities_and_health(self):
        state = self.ok(self.server("localauthority", "x509", "show", "-output", "json")).json()
        self.assertRegex(state["active"]["authority_id"], "^[0-9a-f]{40}$")
        self.assertIn(state["active"]["authority_id"], self.server("localauthority", "x509", "show").out)
        self.assertEqual(self.ok(self.server("healthcheck")).out, "Server is healthy.\n")

    def test_help_answers_everywhere(self):
        for program in (self.programs.server_program, self.programs.agent_program):
            listed = self.ok(run(program, "--help")).out
            commands = re.findall(r"^  (\S+(?: \S+)*?)  +\S", listed, re.MULTILINE)
            self.assertGreater(len(commands), 4)
            for command in commands:
                text = self.ok(run(program, *command.split(), "-help")).out
                self.assertIn(command, text)
            self.assertRegex(self.ok(run(program, "--version")).out, r"^signet-\w+ \d+\.\d+\.\d+\n$")
            self.fails(run(program, "frobnicate"), "unknown command", code=2)
            self.fails(run(program), "Usage: ", code=2)

    def test_a_server_that_is_away_is_told_with_its_socket(self):
        self.fails(run(self.programs.server_program, "bundle", "show", "-socketPath", "/nonexistent/s.sock"),
                   "there is no socket at /nonexistent/s.sock; is signet-server running?")
        self.fails(run(self.programs.agent_program, "healthcheck", "-socketPath", "/nonexistent/a.sock"),
                   "is signet-agent running?")


class ConfigTest(CliTest):
    def validate(self, program, content):
        return run(program, "validate", "-config", self.programs.write("c.json", content))

    def test_all_problems_come_at_once(self):
        self.ok(run(self.programs.server_program, "validate", "-config", self.programs.path("server.json")))
        wrong = self.validate(self.programs.server_program, '{"server": {"bind_port": "x",\n"ca_tll": "1h"}}')
        self.fails(wrong, "c.json:1: server.bind_port: ")
        self.assertIn('c.json:2: server.ca_tll: unknown key; did you mean "ca_ttl"?', wrong.err)
        self.assertIn("server.trust_domain: is required", wrong.err)
        self.fails(self.validate(self.programs.agent_program, "{}"), "agent.server_address: is required")
        self.ok(run(self.programs.agent_program, "validate", "-trustDomain", "example.org", "-serverAddress", "a",
                    "-insecureBootstrap", "-dataDir", "/d", "-socketPath", "/s"))

    def test_run_refuses_what_it_cannot_do_and_says_why(self):
        taken = run(self.programs.server_program, "run", "-config", self.programs.path("server.json"),
                    "-dataDir", self.programs.path("second"))
        self.fails(taken, self.programs.server_socket)
        same_data = run(self.programs.server_program, "run", "-config", self.programs.path("server.json"),
                        "-socketPath", self.programs.path("other.sock"))
        self.fails(same_data, self.programs.path("server"))
        port = str(self.programs.port())
        taken_port = run(self.programs.server_program, "run", "-config", self.programs.path("server.json"),
                         "-dataDir", self.programs.path("third"), "-socketPath", self.programs.path("3.sock"),
                         "-serverPort", port)
        self.fails(taken_port, port)


class AgentTest(CliTest):
    def test_an_agents_day(self):
        process, agent_id = self.programs.start_agent()
        self.assertEqual(self.agent("healthcheck", "-verbose").out, "Checking agent health...\nAgent is healthy.\n")
        self.fails(self.agent("api", "fetch", "x509"), "is there an entry whose selectors it matches?")

        watch = subprocess.Popen([self.programs.agent_program, "api", "watch", "-socketPath",
                                  self.programs.agent_socket], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.ok(self.server("entry", "create", "-spiffeID", "spiffe://example.org/me", "-parentID", agent_id,
                            "-selector", f"unix:uid:{os.getuid()}"))
        try:
            lines = [watch.stdout.readline() for _ in range(3)]
        finally:
            watch.send_signal(signal.SIGINT)
            watch.communicate(timeout=10)
        self.assertRegex(lines[0], r"^Received 1 svid after [0-9.]+ms\n$")
        self.assertEqual(lines[2], "SPIFFE ID:\t\tspiffe://example.org/me\n")

        folder = self.programs.path("fetched")
        os.mkdir(folder)
        self.ok(self.agent("api", "fetch", "x509", "-write", folder, "-silent"))
        self.assertEqual(stat.S_IMODE(os.stat(f"{folder}/svid.0.key").st_mode), 0o600)
        verified = run("openssl", "verify", "-x509_strict", "-CAfile", f"{folder}/bundle.0.pem",
                       f"{folder}/svid.0.pem")
        self.assertEqual(verified.code, 0, verified.err)
        fetched = self.ok(self.agent("api", "fetch", "x509", "-output", "json")).json()
        self.assertEqual(fetched["svids"][0]["spiffe_id"], "spiffe://example.org/me")

        self.assertIn("Found 1 attested agent:\n", self.ok(self.server("agent", "list")).out)
        self.assertEqual(self.ok(self.server("agent", "count", "-attestationType", "join_token")).out,
                         "1 attested agent\n")
        self.assertEqual(self.server("agent", "count", "-banned", "true").out, "0 attested agents\n")
        self.assertIn(agent_id, self.ok(self.server("agent", "show", "-spiffeID", agent_id)).out)
        self.assertEqual(self.ok(self.server("agent", "ban", "-spiffeID", agent_id)).out,
                         "Agent banned successfully\n")
        self.assertEqual(self.server("agent", "count", "-banned", "true").out, "1 attested agent\n")
        self.assertNotEqual(process.wait(timeout=30), 0, "a banned agent ends with a failure")
        self.programs.running.remove(process)
        self.assertIn("banned", self.programs.read("stderr"))
        self.assertEqual(self.ok(self.server("agent", "evict", "-spiffeID", agent_id)).out,
                         "Agent evicted successfully\n")
        self.fails(self.server("agent", "show", "-spiffeID", agent_id), "Error: ")
        self.fails(self.server("agent", "ban", "-spiffeID", agent_id), "Error: ")


class StopTest(unittest.TestCase):
    def test_sigterm_ends_a_server_cleanly_and_its_state_survives(self):
        programs = Programs(BUILD)
        try:
            before = programs.server("bundle", "show").out
            self.assertEqual(programs.stop(), [0])
            missing = programs.server("bundle", "show")
            self.assertEqual(missing.code, 1)
            programs.start(programs.server_program, "server.json")
            programs.wait_for("the server", lambda: programs.server("bundle", "count").code == 0)
            self.assertEqual(programs.server("bundle", "show").out, before)
        finally:
            programs.close()


if __name__ == "__main__":
    unittest.main(verbosity=1)
