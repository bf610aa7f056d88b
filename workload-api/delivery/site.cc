#include "workload-api/delivery/site.h"

#include "workload-api/delivery/generation.h"

namespace signet::delivery {
namespace {

class FileSite final : public Site {
 public:
  explicit FileSite(SiteSpec spec) : spec_(std::move(spec)) {}

  Result<Published> Publish(const Material& material, SystemTime now) override {
    SIGNET_TRY(CheckUsable(material, now));
    Published out;
    SIGNET_TRY_ASSIGN(const std::vector<RenderedFile> files, RenderAll(material, out.left_out));
    if (!folder_) {
      SIGNET_TRY_ASSIGN(folder_, GenerationDir::Open(spec_.dir));
    }
    auto published = folder_->Publish(files);
    if (!published.ok()) {
      folder_.reset();  // it may have been replaced under us: look at it anew next time
      return std::move(published).error();
    }
    out.generation = published->generation;
    out.changed = published->changed;
    files_.clear();
    for (const RenderedFile& file : files) {
      files_[file.name] = spec_.dir + "/" + file.name;
    }
    return out;
  }

  Status Act() override {
    return spec_.action->Run(files_, spec_.action_timeout).Context(spec_.action->Describe());
  }

  Result<Bytes> Served() override { return reload::ServedCertificate(*spec_.probe); }

  bool acts() const override { return spec_.action != nullptr; }
  bool verifies() const override { return spec_.probe.has_value(); }
  std::string Describe() const override {
    return spec_.action == nullptr ? "no action" : spec_.action->Describe();
  }

 private:
  Result<std::vector<RenderedFile>> RenderAll(const Material& material,
                                              std::vector<std::string>& left_out) const {
    return spec_.render ? spec_.render(material, left_out)
                        : Render(material, spec_.files, left_out);
  }

  SiteSpec spec_;
  std::optional<GenerationDir> folder_;
  reload::Action::Files files_;
};

}  // namespace

std::unique_ptr<Site> MakeSite(SiteSpec spec) {
  return std::make_unique<FileSite>(std::move(spec));
}

}  // namespace signet::delivery
