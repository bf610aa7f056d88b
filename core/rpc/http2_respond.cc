// The answering half of Http2Connection: response headers, DATA, trailers.
#include <array>

#include "core/rpc/grpc_text.h"
#include "core/rpc/http2_callbacks.h"

namespace signet::rpc {
namespace {

std::uint8_t* Raw(std::string_view text) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));  // nghttp2 does not write
}

/// Literal names header fields whose text lives as long as the program.
nghttp2_nv Literal(std::string_view name, std::string_view value) {
  return {Raw(name), Raw(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

constexpr std::size_t kMaxMessage = 4096;         // of grpc-message: an error text, not a document
constexpr std::size_t kMaxTrailerBytes = 12'000;  // all fields fit one frame

/// Fields owns the text of a header list until nghttp2 has copied it.
class Fields {
 public:
  void AddLiteral(std::string_view name, std::string_view value) {
    list_.push_back(Literal(name, value));
  }
  /// Add takes a field that is not worth a place in the compression table. One that HTTP/2 forbids
  /// is dropped.
  void Add(std::string_view name, std::string value) {
    if (nghttp2_check_header_name(Raw(name), name.size()) == 0 ||
        nghttp2_check_header_value(Raw(value), value.size()) == 0 ||
        bytes_ + name.size() + value.size() > kMaxTrailerBytes) {
      return;
    }
    bytes_ += name.size() + value.size();
    texts_.push_back(std::make_unique<std::pair<std::string, std::string>>(name, std::move(value)));
    const auto& [n, v] = *texts_.back();
    list_.push_back({Raw(n), Raw(v), n.size(), v.size(), NGHTTP2_NV_FLAG_NO_INDEX});
  }
  void AddAll(const Metadata& metadata) {
    for (const auto& [name, value] : metadata.entries()) {
      if (!name.starts_with("grpc-") && !name.starts_with(':') && name != "content-type") {
        Add(name, name.ends_with("-bin") ? EncodeBinary(value) : value);
      }
    }
  }
  void AddStatus(const RpcStatus& status) {
    if (status.code == Code::kOk) {
      AddLiteral("grpc-status", "0");
    } else {
      Add("grpc-status", std::to_string(static_cast<int>(status.code)));
    }
    if (!status.message.empty()) {
      Add("grpc-message", PercentEncode(status.message.substr(0, kMaxMessage / 3)));
    }
    if (!status.details.empty()) {
      Add("grpc-status-details-bin", EncodeBinary(status.details));
    }
    if (status.code == Code::kUnimplemented) {
      AddLiteral("grpc-accept-encoding", "identity");
    }
  }
  const nghttp2_nv* data() const { return list_.data(); }
  std::size_t size() const { return list_.size(); }

 private:
  std::size_t bytes_ = 0;
  std::vector<nghttp2_nv> list_;
  std::vector<std::unique_ptr<std::pair<std::string, std::string>>> texts_;
};

nghttp2_data_provider Provider() {
  nghttp2_data_provider provider{};
  provider.read_callback = Http2Callbacks::ReadData;
  return provider;
}

}  // namespace

void Http2Connection::Refuse(Stream& stream, RpcStatus status) { stream.Abort(std::move(status)); }

/// AnswerPlain tells a client that does not speak gRPC so, in HTTP's words.
void Http2Connection::AnswerPlain(Stream& stream) {
  stream.WriteRaw("This is a gRPC server: send POST with content-type application/grpc.\n");
  stream.Finish({}, {});
}

void Http2Connection::Serve(Stream& stream) {
  Stream::State& state = stream.state;
  const Stream::Outlook outlook = stream.Look();
  std::optional<Metadata> initial = stream.TakeInitial();
  if (!state.headers_sent) {
    if (outlook.bytes > 0 || initial) {
      SubmitHeaders(stream, initial.value_or(Metadata{}));
    } else if (outlook.finished) {
      SubmitTrailersOnly(stream);
    }
  } else if (!state.trailers_sent && outlook.aborted && Blocked(stream)) {
    SubmitTrailers(stream);
  } else if (std::exchange(state.deferred, false)) {
    nghttp2_session_resume_data(session_, stream.id());
  }
  loop_.RequestFlush(source_);
  if (outlook.finished) {
    stream.Done();
  }
}

/// Blocked: DATA waits for a window that may never come, so that trailers must go past it.
bool Http2Connection::Blocked(const Stream& stream) const {
  return !stream.state.deferred &&
         (nghttp2_session_get_stream_remote_window_size(session_, stream.id()) <= 0 ||
          nghttp2_session_get_remote_window_size(session_) <= 0);
}

void Http2Connection::SubmitHeaders(Stream& stream, const Metadata& initial) {
  stream.state.headers_sent = true;
  Fields fields;
  if (stream.state.plain_status != nullptr) {
    fields.AddLiteral(":status", stream.state.plain_status);
    fields.AddLiteral("content-type", "text/plain");
  } else {
    fields.AddLiteral(":status", "200");
    fields.AddLiteral("content-type", "application/grpc");
    fields.AddAll(initial);
  }
  const nghttp2_data_provider provider = Provider();
  nghttp2_submit_response(session_, stream.id(), fields.data(), fields.size(), &provider);
}

void Http2Connection::SubmitTrailersOnly(Stream& stream) {
  stream.state.headers_sent = true;
  stream.state.trailers_sent = true;
  const auto [status, trailers] = stream.TakeEnd();
  Fields fields;
  fields.AddLiteral(":status", "200");
  fields.AddLiteral("content-type", "application/grpc");
  fields.AddStatus(status);
  fields.AddAll(trailers);
  nghttp2_submit_response(session_, stream.id(), fields.data(), fields.size(), nullptr);
}

void Http2Connection::SubmitTrailers(Stream& stream) {
  if (std::exchange(stream.state.trailers_sent, true)) {
    return;
  }
  const auto [status, trailers] = stream.TakeEnd();
  Fields fields;
  fields.AddStatus(status);
  fields.AddAll(trailers);
  nghttp2_submit_trailer(session_, stream.id(), fields.data(), fields.size());
}

void Http2Connection::OnSent(Stream& stream, std::size_t n) {
  const bool drained = stream.Take(n, *out_);
  if (stream.state.held > 0 && stream.queued_bytes() <= kHoldAbove) {
    nghttp2_session_consume_stream(session_, stream.id(), std::exchange(stream.state.held, 0));
  }
  if (drained && stream.state.handler) {
    stream.state.handler->OnWritable();
  }
}

}  // namespace signet::rpc
