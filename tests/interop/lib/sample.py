"""The files of examples/ as tests run them: the very text, with other names, paths and ports."""
from lib.deployment import TRUST_DOMAIN
from lib.peers import EXAMPLES
from lib.process import Failed



def sample(name, changes):
    """The text of examples/<name>, in our trust domain. Every change (old, new) must find its line."""
    text = (EXAMPLES / name).read_text().replace("example.org", TRUST_DOMAIN)
    for old, new in changes:
        if str(old) not in text:
            raise Failed(f"examples/{name} no longer has the line that this test changes: {old}")
        text = text.replace(str(old), str(new))
    return text
