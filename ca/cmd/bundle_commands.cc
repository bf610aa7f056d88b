#include <ostream>

#include "ca/cmd/bundle_convert.h"
#include "ca/cmd/commands.h"
#include "core/crypto/bundle_codec.h"
#include "core/crypto/pem.h"
#include "signet/api/server/v1/cross_certificates.pb.h"
#include "spire/api/server/bundle/v1/bundle.pb.h"

namespace signet::ca_cmd {
namespace {

namespace bundle_v1 = spire::api::server::bundle::v1;
namespace own_v1 = signet::api::server::v1;

constexpr std::string_view kService = "/spire.api.server.bundle.v1.Bundle/";

std::string Method(std::string_view name) { return std::string(kService) + std::string(name); }

const config::Flag kFormatFlag = {
    .name = "format", .help = "pem or spiffe (a JWK set).", .default_value = "pem"};
const config::Flag kIdFlag = {.name = "id", .help = "Trust domain that the bundle belongs to."};

Result<std::string> ReadFormat(const config::FlagValues& flags) {
  std::string format = flags.Get("format");
  if (format != "pem" && format != "spiffe") {
    return InvalidArgument("-format expects \"pem\" or \"spiffe\"");
  }
  return format;
}

Result<spiffe::TrustDomain> ReadTrustDomain(const config::FlagValues& flags) {
  const std::string text = flags.Get("id");
  if (text.empty()) {
    return InvalidArgument("-id is required");
  }
  return spiffe::TrustDomain::ParseNameOrId(text).Context("-id");
}

Status Show(Session& session) {
  SIGNET_TRY_ASSIGN(const std::string format, ReadFormat(session.flags));
  spire::api::types::Bundle bundle;
  SIGNET_TRY(session.Call(Method("GetBundle"), bundle_v1::GetBundleRequest(), bundle));
  return session.Print(bundle, [&] { return PrintBundle(bundle, format, session.io.out); });
}

Status ShowFederated(Session& session, const std::string& format) {
  bundle_v1::GetFederatedBundleRequest request;
  SIGNET_TRY_ASSIGN(const auto trust_domain, ReadTrustDomain(session.flags));
  request.set_trust_domain(trust_domain.name());
  spire::api::types::Bundle bundle;
  SIGNET_TRY(session.Call(Method("GetFederatedBundle"), request, bundle));
  return session.Print(bundle, [&] { return PrintBundle(bundle, format, session.io.out); });
}

Status List(Session& session) {
  SIGNET_TRY_ASSIGN(const std::string format, ReadFormat(session.flags));
  if (session.flags.Given("id")) {
    return ShowFederated(session, format);
  }
  bundle_v1::ListFederatedBundlesResponse response;
  SIGNET_TRY(session.Call(Method("ListFederatedBundles"), bundle_v1::ListFederatedBundlesRequest(),
                          response));
  return session.Print(response, [&]() -> Status {
    const std::string line(40, '*');
    for (int i = 0; i < response.bundles_size(); ++i) {
      session.io.out << (i == 0 ? "" : "\n") << line << "\n* " << response.bundles(i).trust_domain()
                     << "\n"
                     << line << "\n";
      SIGNET_TRY(PrintBundle(response.bundles(i), format, session.io.out));
    }
    return {};
  });
}

Status Count(Session& session) {
  bundle_v1::CountBundlesResponse response;
  SIGNET_TRY(session.Call(Method("CountBundles"), bundle_v1::CountBundlesRequest(), response));
  return session.Print(response, [&]() -> Status {
    session.io.out << Counted(response.count(), "bundle", "bundles") << "\n";
    return {};
  });
}

// FinishOne prints a batch answer about one bundle and fails if its item did.
template <class Response>
Status FinishOne(Session& session, const Response& response, const std::string& done) {
  if (response.results_size() != 1) {
    return Internal("the server answered " + std::to_string(response.results_size()) +
                    " results to one request");
  }
  const auto& status = response.results(0).status();
  SIGNET_TRY(session.Print(response, [&]() -> Status {
    session.io.out << (status.code() == 0 ? done + "\n" : "");
    return {};
  }));
  return status.code() == 0 ? Status() : Error{static_cast<Code>(status.code()), status.message()};
}

Status Set(Session& session) {
  SIGNET_TRY_ASSIGN(const std::string format, ReadFormat(session.flags));
  SIGNET_TRY_ASSIGN(const auto trust_domain, ReadTrustDomain(session.flags));
  const std::string path = session.flags.Get("path");
  SIGNET_TRY_ASSIGN(const std::string text, ReadInput(path.empty() ? "-" : path, session.io));
  SIGNET_TRY_ASSIGN(const spiffe::Bundle bundle, format == "pem"
                                                     ? crypto::ParseBundlePem(trust_domain, text)
                                                     : crypto::ParseBundleJson(trust_domain, text));
  bundle_v1::BatchSetFederatedBundleRequest request;
  BundleToProto(bundle, *request.add_bundle());
  bundle_v1::BatchSetFederatedBundleResponse response;
  SIGNET_TRY(session.Call(Method("BatchSetFederatedBundle"), request, response));
  return FinishOne(session, response, "bundle set.");
}

Status Cross(Session& session) {
  SIGNET_TRY_ASSIGN(const auto trust_domain, ReadTrustDomain(session.flags));
  own_v1::ListCrossCertificatesRequest request;
  request.add_trust_domains(trust_domain.name());
  own_v1::ListCrossCertificatesResponse response;
  SIGNET_TRY(session.Call("/signet.api.server.v1.CrossCertificates/ListCrossCertificates", request,
                          response));
  if (response.cross_certificates_size() != 1) {
    return NotFound("the server has no bundle of " + trust_domain.name() + "; see 'bundle set'");
  }
  return session.Print(response, [&]() -> Status {
    const own_v1::CrossCertificate& of = response.cross_certificates(0);
    for (const std::string& der : of.certificates()) {
      session.io.out << crypto::PemEncode("CERTIFICATE", AsBytes(der));
    }
    for (const std::string& reason : of.left_out()) {
      session.io.err << "Left out: " << reason << "\n";
    }
    return of.certificates().empty()
               ? FailedPrecondition("no authority of " + trust_domain.name() + " can be certified")
               : Status();
  });
}

Status Delete(Session& session) {
  using Request = bundle_v1::BatchDeleteFederatedBundleRequest;
  SIGNET_TRY_ASSIGN(const auto trust_domain, ReadTrustDomain(session.flags));
  Request request;
  request.add_trust_domains(trust_domain.name());
  const std::string mode = session.flags.Get("mode");
  if (mode == "delete") {
    request.set_mode(Request::DELETE);
  } else if (mode == "dissociate") {
    request.set_mode(Request::DISSOCIATE);
  } else if (mode != "restrict") {
    return InvalidArgument("-mode expects restrict, delete or dissociate");
  }
  bundle_v1::BatchDeleteFederatedBundleResponse response;
  SIGNET_TRY(session.Call(Method("BatchDeleteFederatedBundle"), request, response));
  return FinishOne(session, response, "bundle deleted.");
}

}  // namespace

std::vector<Verb> BundleVerbs() {
  return {
      {"bundle show", "Prints the trust domain's own bundle.", {kFormatFlag}, Show},
      {"bundle list",
       "Prints the bundles of other trust domains, or that of one.",
       {kIdFlag, kFormatFlag},
       List},
      {"bundle set",
       "Creates or replaces the bundle of another trust domain.",
       {kIdFlag,
        {.name = "path", .help = "File of the bundle. Default: standard input."},
        kFormatFlag},
       Set},
      {"bundle cross",
       "Prints the roots of another trust domain as certificates of our own CA that bind them to "
       "it: for servers that take one file of CA certificates.",
       {kIdFlag},
       Cross},
      {"bundle delete",
       "Deletes the bundle of another trust domain.",
       {kIdFlag,
        {.name = "mode",
         .help = "What happens to entries that federate with it: restrict (refuse while there are "
                 "any), delete (delete them too) or dissociate (keep them without it).",
         .default_value = "restrict"}},
       Delete},
      {"bundle count", "Counts the bundles, the own one included.", {}, Count},
  };
}

}  // namespace signet::ca_cmd
