"""A certificate authority of another trust domain, by the openssl command: nothing of ours makes these certificates."""
from lib import process
from lib.tls import Material


class Authority:
    def __init__(self, folder, trust_domain):
        folder.mkdir()
        self.folder, self.trust_domain = folder, trust_domain
        self.root, self.key = folder / "root.pem", folder / "root.key"
        process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                     "2", "-subj", f"/O={trust_domain}", "-keyout", self.key, "-out", self.root,
                     "-addext", f"subjectAltName=URI:spiffe://{trust_domain}",
                     "-addext", "keyUsage=critical,keyCertSign,cRLSign"])

    def svid(self, name, spiffe_id, roots, more_extensions="", subject="/O=x"):
        """An X509-SVID for any ID that it is told, also for one that is not its to give."""
        key, request, certificate = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName=URI:{spiffe_id}\nbasicConstraints=critical,CA:FALSE\n"
                              "keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth,serverAuth\n"
                              + more_extensions)
        process.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                     "-keyout", key, "-out", request])
        process.run(["openssl", "x509", "-req", "-in", request, "-CA", self.root, "-CAkey", self.key, "-CAcreateserial",
                     "-days", "1", "-extfile", extensions, "-out", certificate])
        return Material(certificate, key, roots)
