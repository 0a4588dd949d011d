// From classes, objects and regions to OK, NG or REVIEW.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/status.h"
#include "base/utf8.h"
#include "result/result.h"

namespace lnx::result {
namespace {

using manifest::Rule;

// One thing that a rule can look at: a class, an object or a region.
struct Item {
  int32_t class_id;
  float score;
  double area;
};

class Judge {
 public:
  Judge(const manifest::Manifest& manifest, const RunParams& params, const ImageResult& image)
      : manifest_(manifest), params_(params), image_(image) {}

  struct Outcome {
    LnxVerdict verdict = LNX_VERDICT_UNDEFINED;
    uint32_t rule = 0;
    double measured = 0;  // count, area or score that the rule compared
  };

  // `shift` moves every score threshold.
  Outcome Decide(double shift) const {
    for (size_t i = 0; i < manifest_.verdict.rules.size(); ++i) {
      const Rule& rule = manifest_.verdict.rules[i];
      double measured = 0;
      if (Fires(rule, shift, &measured)) return {rule.then, static_cast<uint32_t>(i + 1), measured};
    }
    return {manifest_.verdict.otherwise, 0, 0};
  }

  // The item with the best margin over its threshold among those that the score rules look at.
  bool Best(Item* best, double* threshold) const {
    bool found = false;
    double best_margin = 0;
    const auto consider = [&](const Item& item) {
      const double limit = Threshold(item.class_id);
      const double margin = item.score - limit;
      if (found && margin <= best_margin) return;
      found = true;
      best_margin = margin;
      *best = item;
      *threshold = limit;
    };
    if (image_.scored) {
      ForEach(Rule::Kind::kScore, consider);
      return found;
    }
    bool any_rule = false;
    for (const Rule& rule : manifest_.verdict.rules) {
      if (rule.kind == Rule::Kind::kTopBelow || rule.then == LNX_VERDICT_OK) continue;
      any_rule = true;
      ForEach(rule.kind, [&](const Item& item) {
        if (Wanted(rule, item.class_id)) consider(item);
      });
    }
    if (!any_rule) ForEach(Rule::Kind::kScore, consider);
    return found;
  }

 private:
  // What a kind of rule looks at.
  template <typename Function>
  void ForEach(Rule::Kind kind, Function&& function) const {
    const bool of_image = kind == Rule::Kind::kScore || kind == Rule::Kind::kTopBelow;
    if (!image_.scored || of_image) {
      for (const LnxClass& c : image_.classes) function(Item{c.class_id, c.score, 0});
    }
    if (image_.scored && of_image) return;
    for (const LnxObject& o : image_.objects) function(Item{o.class_id, o.score, o.area_px});
    if (image_.objects.size() > 0) return;  // regions are the masks of objects
    for (const LnxRegion& r : image_.regions) function(Item{r.class_id, r.score_max, r.area_px});
    for (const LnxText& t : image_.texts) function(Item{0, t.score, 0});
  }

  size_t LabelIndex(int32_t class_id) const {
    for (size_t i = 0; i < manifest_.labels.size(); ++i) {
      if (manifest_.labels[i].id == class_id) return i;
    }
    return manifest_.labels.size();
  }
  double Threshold(int32_t class_id) const {
    const size_t i = LabelIndex(class_id);
    return i < params_.class_threshold.size() ? params_.class_threshold[i] : params_.threshold;
  }
  bool Counts(const Item& item, double shift) const {
    const size_t i = LabelIndex(item.class_id);
    const double smallest = i < params_.class_min_area.size() ? params_.class_min_area[i] : params_.min_area_px;
    if (image_.scored && item.area > 0) return item.area >= smallest;
    const bool large = image_.classes.size() > 0 || item.area >= smallest;
    return large && item.score >= Threshold(item.class_id) + shift;
  }
  static bool Wanted(const Rule& rule, int32_t class_id) {
    return rule.labels.empty() || std::find(rule.labels.begin(), rule.labels.end(), class_id) != rule.labels.end();
  }

  bool Fires(const Rule& rule, double shift, double* measured) const {
    double count = 0, area = 0, best = 0;
    bool any = false;
    if (rule.kind == Rule::Kind::kTopBelow) {
      ForEach(rule.kind, [&](const Item& item) { best = std::max(best, static_cast<double>(item.score)); });
      *measured = best;
      return best < rule.at_least + shift;
    }
    ForEach(rule.kind, [&](const Item& item) {
      if (!Wanted(rule, item.class_id) || !Counts(item, shift)) return;
      any = true;
      count += 1;
      area += item.area;
      best = std::max(best, static_cast<double>(item.score));
    });
    switch (rule.kind) {
      case Rule::Kind::kCount:
        *measured = count;
        return count >= rule.at_least;
      case Rule::Kind::kArea:
        *measured = area;
        return any && area >= rule.at_least;
      default:
        *measured = best;
        return any;
    }
  }

  const manifest::Manifest& manifest_;
  const RunParams& params_;
  const ImageResult& image_;
};

const char* RuleText(Rule::Kind kind) {
  switch (kind) {
    case Rule::Kind::kCount:
      return "count";
    case Rule::Kind::kArea:
      return "area";
    case Rule::Kind::kTopBelow:
      return "top score below";
    default:
      return "score";
  }
}

void CheckNumbers(const ImageResult& image) {
  const auto check = [](float score, const char* what) {
    if (!std::isfinite(score))
      Fail(LNX_E_NUMERIC, {std::string("a score of ") + what + " that is NaN or infinite", "a finite score", "verdict"});
  };
  for (const LnxClass& c : image.classes) check(c.score, "a class");
  for (const LnxObject& o : image.objects) check(o.score, "an object");
  for (const LnxRegion& r : image.regions) check(r.score_max, "a region");
  check(image.score_raw, "the image");
  check(image.score_norm, "the image");
  for (const LnxText& t : image.texts) check(t.score, "a text");
}

}  // namespace

void DecideVerdict(const manifest::Manifest& manifest, const RunParams& params, Arena& arena, ImageResult* image) {
  CheckNumbers(*image);
  const Judge judge(manifest, params, *image);
  const Judge::Outcome plain = judge.Decide(0);
  Judge::Outcome outcome = plain;
  bool review = false;
  if (params.guard_band > 0) {
    const Judge::Outcome strict = judge.Decide(params.guard_band), loose = judge.Decide(-params.guard_band);
    review = strict.verdict != loose.verdict;
    if (review) outcome.verdict = LNX_VERDICT_REVIEW;
    if (review && plain.rule == 0) outcome = {LNX_VERDICT_REVIEW, loose.rule, loose.measured};
  }
  LnxSummary& summary = image->summary;
  summary.verdict = outcome.verdict;
  summary.verdict_rule = outcome.rule;
  Item best{-1, 0, 0};
  double threshold = params.threshold;
  const bool found = judge.Best(&best, &threshold);
  summary.score_raw = summary.score_norm = found ? best.score : 0.0f;
  if (image->scored) summary.score_raw = image->score_raw, summary.score_norm = image->score_norm;
  summary.threshold = static_cast<float>(threshold);
  summary.guard_band = static_cast<float>(params.guard_band);

  char text[256];
  const manifest::Label* label = found ? manifest.FindLabel(best.class_id) : nullptr;
  const char* name = label != nullptr ? label->name.c_str() : "nothing";
  const int name_bytes = label != nullptr ? static_cast<int>(CutAt(name, label->name.size(), 80)) : 7;
  int n;
  if (review) {
    n = std::snprintf(text, sizeof text, "guard band: \"%.*s\" %.3f within %.3f of %.3f", name_bytes, name, best.score,
                      params.guard_band, threshold);
  } else if (outcome.rule > 0) {
    const Rule& rule = manifest.verdict.rules[outcome.rule - 1];
    n = std::snprintf(text, sizeof text, "rule %u: %s %.4g; \"%.*s\" %.3f, threshold %.3f", outcome.rule, RuleText(rule.kind),
                      outcome.measured, name_bytes, name, best.score, threshold);
  } else {
    n = std::snprintf(text, sizeof text, "no rule fired; \"%.*s\" %.3f, threshold %.3f", name_bytes, name, best.score, threshold);
  }
  summary.verdict_reason = arena.Text(text, static_cast<size_t>(std::clamp(n, 0, static_cast<int>(sizeof text) - 1)));
}

}  // namespace lnx::result
