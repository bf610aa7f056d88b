"""A small client of the Kubernetes API for tests, and the objects that they make with it."""
import http.client
import json
import ssl
import urllib.parse

from lib.process import Failed

# kind → (group and version, plural, namespaced): what our manifests and tests use.
KINDS = {
    "Namespace": ("api/v1", "namespaces", False), "Node": ("api/v1", "nodes", False),
    "Pod": ("api/v1", "pods", True), "Service": ("api/v1", "services", True),
    "ConfigMap": ("api/v1", "configmaps", True), "ServiceAccount": ("api/v1", "serviceaccounts", True),
    "Deployment": ("apis/apps/v1", "deployments", True), "DaemonSet": ("apis/apps/v1", "daemonsets", True),
    "StatefulSet": ("apis/apps/v1", "statefulsets", True),
    "CSIDriver": ("apis/storage.k8s.io/v1", "csidrivers", False),
    "ClusterRole": ("apis/rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "Role": ("apis/rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("apis/rbac.authorization.k8s.io/v1", "rolebindings", True),
}


# What Pod Security "restricted" asks of a pod.
POD_SECURITY = {"runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER = {"name": "main", "image": "example.org/main:1", "securityContext": {
    "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}


class ApiError(Failed):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class Client:
    """Calls one API server as one user: by client certificate, by token, or as nobody."""

    def __init__(self, port, ca, certificate=None, token=None):
        self.port, self.token = port, token
        self.context = ssl.create_default_context(cafile=str(ca))
        if certificate:
            self.context.load_cert_chain(certificate.certificate, certificate.key)

    def open(self, method, path, body=None, timeout=20, content_type="application/json"):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=timeout)
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        return connection, connection.getresponse()

    def call(self, method, path, body=None, **options):
        """The answer's JSON; ApiError for a code of 400 and more."""
        connection, response = self.open(method, path, body, **options)
        try:
            text = response.read().decode()
        finally:
            connection.close()
        try:
            answer = json.loads(text)
        except ValueError:
            answer = {"message": text}
        if response.status >= 400:
            raise ApiError(response.status, answer.get("message", text))
        return answer

    def ready(self):
        try:
            self.call("GET", "/readyz", timeout=2)
            return True
        except (OSError, http.client.HTTPException, ApiError):
            return False

    def create(self, manifest):
        """POSTs any object of KINDS; unknown and repeated fields are errors."""
        return self.call("POST", path_of(manifest) + "?fieldValidation=Strict", manifest)

    def get(self, kind, name, namespace=None):
        return self.call("GET", f"{collection(kind, namespace)}/{name}")

    def delete(self, kind, name, namespace=None, grace=None):
        options = {} if grace is None else {"gracePeriodSeconds": grace}
        return self.call("DELETE", f"{collection(kind, namespace)}/{name}", options)

    def patch(self, kind, name, namespace, body, subresource=""):
        return self.call("PATCH", f"{collection(kind, namespace)}/{name}{subresource}", body,
                         content_type="application/merge-patch+json")

    def watch(self, kind, query, timeout=60):
        """Events as they come, until the caller closes the generator."""
        connection, response = self.open("GET", f"{collection(kind)}?watch=1&{query}", timeout=timeout)
        try:
            while line := response.readline():
                yield json.loads(line)
        finally:
            connection.close()

    # What a kubelet, scheduler and controllers would do.

    def add_node(self, name):
        return self.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})

    def add_service_account(self, namespace, name):
        return self.create({"apiVersion": "v1", "kind": "ServiceAccount",
                            "metadata": {"name": name, "namespace": namespace}})

    def add_pod(self, namespace, name, service_account, node, **spec):
        """A pod that was scheduled to a node; labels and annotations go in as `metadata`."""
        metadata = {"name": name, "namespace": namespace, **spec.pop("metadata", {})}
        return self.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {
            "serviceAccountName": service_account, "nodeName": node, "terminationGracePeriodSeconds": 30,
            "securityContext": POD_SECURITY, "containers": [CONTAINER], **spec}})

    def set_phase(self, namespace, name, phase):
        return self.patch("Pod", name, namespace, {"status": {"phase": phase}}, "/status")

    def request_token(self, namespace, service_account, audiences=(), seconds=600, pod=None):
        """TokenRequest; bound to a pod (an object as the API gave it) if there is one."""
        spec = {"audiences": list(audiences), "expirationSeconds": seconds}
        if pod:
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"],
                                      "uid": pod["metadata"]["uid"]}
        answer = self.call("POST", f"{collection('ServiceAccount', namespace)}/{service_account}/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
        return answer["status"]["token"]

    def may(self, user, verb, resource, **attributes):
        """SubjectAccessReview: has the user this right? `resource` is plural, with an optional /subresource."""
        resource, _, subresource = resource.partition("/")
        answer = self.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
                "user": user, "resourceAttributes": {"verb": verb, "resource": resource, "subresource": subresource,
                                                     **attributes}}})
        return answer["status"]["allowed"]


def collection(kind, namespace=None):
    version, plural, namespaced = KINDS[kind]
    inner = f"namespaces/{urllib.parse.quote(namespace)}/" if namespaced and namespace else ""
    return f"/{version}/{inner}{plural}"


def path_of(manifest):
    version = KINDS[manifest["kind"]][0].split("/", 1)[1]
    if manifest["apiVersion"] != version:
        raise Failed(f"{manifest['kind']} of {manifest['apiVersion']}: the test knows {version} alone")
    return collection(manifest["kind"], manifest["metadata"].get("namespace"))
