#include "core/rpc/reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <set>

#include "reflection/v1/reflection.pb.h"
#include "reflection/v1alpha/reflection.pb.h"

namespace signet::rpc {
namespace {

// v1 and v1alpha are the same on the wire: one set of messages serves both.
using Request = grpc::reflection::v1::ServerReflectionRequest;
using Response = grpc::reflection::v1::ServerReflectionResponse;
using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

/// AddFile appends a file and, before their users' next questions, everything it imports.
void AddFile(const FileDescriptor& file, std::set<const FileDescriptor*>& seen,
             Response& response) {
  if (!seen.insert(&file).second) {
    return;
  }
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  response.mutable_file_descriptor_response()->add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) {
    AddFile(*file.dependency(i), seen, response);
  }
}

void AnswerFile(const FileDescriptor* file, const std::string& what, Response& response) {
  if (file == nullptr) {
    response.mutable_error_response()->set_error_code(static_cast<int>(Code::kNotFound));
    response.mutable_error_response()->set_error_message("not found: " + what);
    return;
  }
  std::set<const FileDescriptor*> seen;
  AddFile(*file, seen, response);
}

void AnswerExtensions(const std::string& type, Response& response) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  const google::protobuf::Descriptor* descriptor = pool.FindMessageTypeByName(type);
  if (descriptor == nullptr) {
    return AnswerFile(nullptr, type, response);
  }
  auto& numbers = *response.mutable_all_extension_numbers_response();
  numbers.set_base_type_name(type);
  std::vector<const google::protobuf::FieldDescriptor*> extensions;
  pool.FindAllExtensions(descriptor, &extensions);
  for (const google::protobuf::FieldDescriptor* extension : extensions) {
    numbers.add_extension_number(extension->number());
  }
}

void AnswerExtension(const grpc::reflection::v1::ExtensionRequest& request, Response& response) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  const google::protobuf::Descriptor* type = pool.FindMessageTypeByName(request.containing_type());
  const google::protobuf::FieldDescriptor* extension =
      type == nullptr ? nullptr : pool.FindExtensionByNumber(type, request.extension_number());
  AnswerFile(extension == nullptr ? nullptr : extension->file(), request.containing_type(),
             response);
}

Response Answer(const Request& request, const std::vector<std::string>& services) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  Response response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case Request::kListServices:
      response.mutable_list_services_response();
      for (const std::string& service : services) {
        response.mutable_list_services_response()->add_service()->set_name(service);
      }
      break;
    case Request::kFileByFilename:
      AnswerFile(pool.FindFileByName(request.file_by_filename()), request.file_by_filename(),
                 response);
      break;
    case Request::kFileContainingSymbol:
      AnswerFile(pool.FindFileContainingSymbol(request.file_containing_symbol()),
                 request.file_containing_symbol(), response);
      break;
    case Request::kFileContainingExtension:
      AnswerExtension(request.file_containing_extension(), response);
      break;
    case Request::kAllExtensionNumbersOfType:
      AnswerExtensions(request.all_extension_numbers_of_type(), response);
      break;
    case Request::MESSAGE_REQUEST_NOT_SET:
      response.mutable_error_response()->set_error_code(static_cast<int>(Code::kInvalidArgument));
      response.mutable_error_response()->set_error_message("no question was asked");
      break;
  }
  return response;
}

class ReflectionHandler final : public CallHandler {
 public:
  ReflectionHandler(std::shared_ptr<Call> call,
                    std::shared_ptr<const std::vector<std::string>> services)
      : call_(std::move(call)), services_(std::move(services)) {}

  void OnMessage(std::string_view message) override {
    Request request;
    if (!request.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
      call_->Finish({Code::kInternal, "request message does not parse"});
      return;
    }
    call_->Write(
        std::make_shared<const std::string>(Answer(request, *services_).SerializeAsString()));
  }
  void OnHalfClose() override { call_->Finish({}); }

 private:
  const std::shared_ptr<Call> call_;
  const std::shared_ptr<const std::vector<std::string>> services_;
};

}  // namespace

void AddReflection(MethodTable& methods, std::vector<std::string> services) {
  // Named through their descriptors, so that the linker keeps those of both versions.
  for (const FileDescriptor* file :
       {Request::descriptor()->file(),
        grpc::reflection::v1alpha::ServerReflectionRequest::descriptor()->file()}) {
    services.push_back(file->service(0)->full_name());
  }
  auto shared = std::make_shared<const std::vector<std::string>>(std::move(services));
  const HandlerFactory factory = [shared](std::shared_ptr<Call> call) {
    return std::make_unique<ReflectionHandler>(std::move(call), shared);
  };
  methods.Add("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", factory);
  methods.Add("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", factory);
}

}  // namespace signet::rpc
