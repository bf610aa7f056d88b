#include "tests/support/kubernetes/stub/api_server.h"

#include <algorithm>

#include "tests/support/kubernetes/stub/watch.h"

namespace signet::test::kube {
namespace {

const std::string kJwksType = "application/jwk-set+json";

constexpr std::size_t kMostRequests = 200'000;
const std::string kAdminPrefix = "/stub/";

std::string VerbOf(const Target& target, const Request& request) {
  if (request.method == "GET") {
    return !target.name.empty() ? "get" : request.Flag("watch") ? "watch" : "list";
  }
  return request.method == "POST"    ? "create"
         : request.method == "PUT"   ? "update"
         : request.method == "PATCH" ? "patch"
                                     : "delete";
}

std::string Line(const Request& request) {
  std::string line = request.method + " " + request.path;
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    line += separator + name + "=" + value;
    separator = '&';
  }
  return line;
}

/// The node that a selector of pods allows alone.
std::string SelectedNode(const Request& request) {
  const std::string prefix = "spec.nodeName=";
  const std::string selector = request.Param("fieldSelector");
  return selector.rfind(prefix, 0) == 0 && selector.find(',') == std::string::npos
             ? selector.substr(prefix.size())
             : "";
}

}  // namespace

ApiServer::ApiServer(const std::string& signing_key, std::string url) : url_(std::move(url)) {
  world_.keys.Add(signing_key);
  AddDefaultRoles(world_.store);
  for (const char* name : {"default", "kube-system", "kube-public", "kube-node-lease"}) {
    objects_.AddNamespace(name);
  }
}

Json ApiServer::Dump() {
  const std::lock_guard lock(world_.mutex);
  return {{"store", world_.store.Dump()},
          {"keys", world_.keys.Export()},
          {"clock_offset", world_.clock_offset.count()}};
}

void ApiServer::Load(const Json& dump) {
  const std::lock_guard lock(world_.mutex);
  world_.store.Load(dump.at("store"));
  const auto keys = dump.at("keys").get<std::vector<std::string>>();
  for (std::size_t i = 1; i < keys.size(); ++i) {  // the first is the file's
    world_.keys.Add(keys[i]);
  }
  world_.clock_offset = std::chrono::seconds(dump.at("clock_offset").get<long>());
}

Answer ApiServer::Handle(const Request& request) {
  const std::lock_guard lock(world_.mutex);
  try {
    Answer answer = Serve(request);
    world_.changed.notify_all();
    return answer;
  } catch (const Failure& failure) {
    return failure.answer;
  } catch (const Json::exception& problem) {
    return JsonAnswer(400, StatusObject(400, "BadRequest", problem.what()));
  }
}

Answer ApiServer::Serve(const Request& request) {
  Answer fault;
  if (TakeFault(request, fault)) {
    return fault;
  }
  const User user = Authenticate(request);
  if (request.path.rfind(kAdminPrefix, 0) == 0) {
    return Admin(user, request);
  }
  const std::optional<Target> target = ParseTarget(request.path);
  return target ? ServeResource(user, *target, request) : ServePath(user, request);
}

User ApiServer::Authenticate(const Request& request) {
  const std::string scheme = "Bearer ";
  if (request.authorization.rfind(scheme, 0) == 0) {
    const Verdict verdict =
        world_.tokens.Judge(request.authorization.substr(scheme.size()), {kIssuer}, world_.Now());
    if (!verdict.user) {
      Fail(401, "Unauthorized", "Unauthorized");
    }
    return *verdict.user;
  }
  if (request.bad_certificate) {
    Fail(401, "Unauthorized", "Unauthorized");
  }
  if (request.certificate_name.empty()) {
    return {.name = "system:anonymous", .groups = {"system:unauthenticated"}};
  }
  User user{.name = request.certificate_name, .groups = request.certificate_groups};
  user.groups.emplace_back("system:authenticated");
  return user;
}

Answer ApiServer::ServeResource(const User& user, const Target& target, const Request& request) {
  Action action{.verb = VerbOf(target, request), .target = target};
  const bool many = request.method == "GET" && target.name.empty();
  if (many) {
    action.target.name = Selector(*target.type, request).name();
    action.selected_node = SelectedNode(request);
  }
  CheckAccess(world_.store, user, action);
  if (!target.type->stored) {
    return Review(request);
  }
  if (target.type->kind == "ServiceAccount" && target.subresource == "token") {
    return JsonAnswer(201,
                      world_.tokens.Issue(user, target, ParseBody(target, request), world_.Now()));
  }
  if (!target.subresource.empty() && target.subresource != "status") {
    Fail(404, "NotFound", "the server could not find the requested resource");
  }
  if (many && request.Flag("watch")) {
    return {.headers = {{"Cache-Control", "no-cache, private"}},
            .watch = std::make_shared<Watch>(world_, target, request)};
  }
  if (request.method == "GET") {
    return many ? objects_.List(target, request) : objects_.Get(target, request);
  }
  if (request.method == "POST") {
    return objects_.Create(target, request);
  }
  return request.method == "DELETE" ? objects_.Delete(target, request)
                                    : objects_.Update(target, request);
}

Answer ApiServer::ServePath(const User& user, const Request& request) {
  std::string verb = request.method;
  std::transform(verb.begin(), verb.end(), verb.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  CheckAccess(world_.store, user, {.verb = verb, .path = request.path});
  const std::vector<std::pair<std::string, std::string>> cached = {
      {"Cache-Control", "public, max-age=3600"}};
  if (request.path == "/openid/v1/jwks") {
    if (request.accept.find("*/*") == std::string::npos &&
        request.accept.find(kJwksType) == std::string::npos) {
      return {.status = 406,
              .body = "406: Not Acceptable\n\nAvailable representations: " + kJwksType,
              .content_type = "text/plain; charset=utf-8"};
    }
    return {.body = world_.keys.Jwks().dump(), .content_type = kJwksType, .headers = cached};
  }
  if (request.path == "/.well-known/openid-configuration") {
    return Discovery();
  }
  if (request.path == "/version") {
    return JsonAnswer(200, {{"major", "1"}, {"minor", "37"}, {"gitVersion", "v1.37.1"}});
  }
  if (request.path == "/healthz" || request.path == "/livez" || request.path == "/readyz") {
    return {.body = "ok", .content_type = "text/plain; charset=utf-8"};
  }
  return {
      .status = 404, .body = "404 page not found\n", .content_type = "text/plain; charset=utf-8"};
}

Answer ApiServer::Discovery() const {
  const Json document = {{"issuer", kIssuer},
                         {"jwks_uri", url_ + "/openid/v1/jwks"},
                         {"response_types_supported", {"id_token"}},
                         {"subject_types_supported", {"public"}},
                         {"id_token_signing_alg_values_supported", world_.keys.Algorithms()}};
  return {.body = document.dump(), .headers = {{"Cache-Control", "public, max-age=3600"}}};
}

Answer ApiServer::Review(const Request& request) {
  Json review = ParseBody({.type = &TypeOf("tokenreviews")}, request);
  const std::string token = Text(review, "spec.token");
  if (token.empty()) {
    Fail(400, "BadRequest", "token is required for TokenReview in authentication");
  }
  review["kind"] = "TokenReview";
  review["apiVersion"] = "authentication.k8s.io/v1";
  if (!review.contains("metadata")) {
    review["metadata"] = Json::object();
  }
  if (!review_status_.empty()) {
    review["status"] = Json::parse(review_status_);
    return JsonAnswer(201, review);
  }
  auto audiences = review["spec"].value("audiences", std::vector<std::string>{});
  if (audiences.empty()) {
    audiences = {kIssuer};
  }
  const Verdict verdict = world_.tokens.Judge(token, audiences, world_.Now());
  Json& status = review["status"] = {{"user", Json::object()}};
  if (!verdict.user) {
    status["error"] = verdict.error;
    return JsonAnswer(201, review);
  }
  status["authenticated"] = true;
  status["audiences"] = verdict.audiences;
  status["user"] = {{"username", verdict.user->name},
                    {"uid", verdict.user->uid},
                    {"groups", verdict.user->groups}};
  for (const auto& [key, value] : verdict.user->extra) {
    status["user"]["extra"][key] = {value};
  }
  return JsonAnswer(201, review);
}

bool ApiServer::TakeFault(const Request& request, Answer& answer) {
  if (request.path.rfind(kAdminPrefix, 0) == 0) {
    return false;
  }
  if (requests_.size() < kMostRequests) {
    requests_.push_back(Line(request));
  }
  for (Fault& fault : faults_) {
    if (fault.left > 0 && request.path.find(fault.path_contains) != std::string::npos) {
      --fault.left;
      answer = fault.answer;
      return true;
    }
  }
  return false;
}

void ApiServer::AddFault(const Json& wanted) {
  const int status = wanted.at("status").get<int>();
  Answer answer = JsonAnswer(status, StatusObject(status, "", "told to fail by a test"));
  const auto body = wanted.at("body").get<std::string>();
  if (!body.empty()) {
    answer.body = body;
  }
  if (const int after = wanted.at("retry_after").get<int>(); after >= 0) {
    answer.headers.emplace_back("Retry-After", std::to_string(after));
  }
  faults_.push_back({wanted.at("count").get<int>(), wanted.at("path").get<std::string>(), answer});
}

Answer ApiServer::Admin(const User& user, const Request& request) {
  if (!user.InGroup("system:masters")) {
    Fail(403, "Forbidden", "only system:masters");
  }
  const std::string what = request.path.substr(kAdminPrefix.size());
  const Json body = request.body.empty() ? Json::object() : Json::parse(request.body);
  if (what == "fail") {
    AddFault(body);
  } else if (what == "drop-watches") {
    ++world_.cuts;
  } else if (what == "bookmark") {
    ++world_.bookmarks;
  } else if (what == "compact") {
    world_.store.Compact();
    objects_.ForgetPages();
  } else if (what == "rotate-key") {
    world_.keys.Rotate();
  } else if (what == "reviews") {
    review_status_ = body.at("status").get<std::string>();
  } else if (what == "clock") {
    world_.clock_offset += std::chrono::seconds(body.at("seconds").get<long>());
  } else if (what == "count") {
    const std::string start = body.at("method").get<std::string>() + " ";
    const auto path = body.at("path").get<std::string>();
    return JsonAnswer(200, {{"requests", std::count_if(requests_.begin(), requests_.end(),
                                                       [&](const std::string& line) {
                                                         return line.rfind(start, 0) == 0 &&
                                                                line.find(path) != line.npos;
                                                       })},
                            {"watches", world_.open_watches}});
  } else {
    Fail(404, "NotFound", "no such fault: " + what);
  }
  return JsonAnswer(200, Json::object());
}

}  // namespace signet::test::kube
