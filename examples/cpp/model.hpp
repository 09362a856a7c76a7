// An exported folder, open: the graph run by ONNX Runtime's C API, and what config.json says of it.
#pragma once

#include <onnxruntime_c_api.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "json.hpp"

inline std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path + ": cannot be read");
    return {std::istreambuf_iterator<char>(file), {}};
}

// Frees what the C API hands out.
template <typename T> using Owned = std::unique_ptr<T, void (*)(T*)>;

struct State {
    std::vector<float> y, z;
};

struct Run {
    std::vector<float> logits;  // cells x tokens, row by row
    float margin;               // by how much the halting head is sure
};

class Model {
  public:
    std::string task;
    std::vector<std::string> tokens;
    int height, width, parts, max_steps, restart;
    bool guess;

    explicit Model(const std::string& folder) {
        const std::string text = read_file(folder + "/config.json");
        const Json config = JsonReader(text).read();
        const Json &onnx = config["onnx"], &habits = config["card"]["solve"];
        const Json& name = config["task"];
        if (!std::holds_alternative<Json::List>(onnx["tokens"].value))
            throw std::runtime_error(folder + "/config.json: no exported model; was this written by redraft export?");
        task = std::holds_alternative<std::string>(name.value) ? name.text() : "grids";
        for (const Json& each : onnx["tokens"].list()) tokens.push_back(each.text());
        height = static_cast<int>(onnx["height"].number(0)), width = static_cast<int>(onnx["width"].number(0));
        parts = static_cast<int>(onnx["parts"].number(1));
        halt_above_ = static_cast<float>(onnx["halt_above"].number(2));
        max_steps = static_cast<int>(habits["max_steps"].number(16));
        restart = static_cast<int>(habits["restart"].number(0));
        guess = habits["guess"].flag();
        y_ = onnx["y"].floats(), z_ = onnx["z"].floats();
        shape_ = {1};
        for (const float side : onnx["positions"].floats()) shape_.push_back(static_cast<int64_t>(side));
        shape_.push_back(static_cast<int64_t>(y_.size()));
        if (onnx["starts"].number(0) > 0) {
            const std::string bytes = read_file(folder + "/starts.f32");  // little-endian, as are the usual processors
            starts_.resize(bytes.size() / sizeof(float));
            std::memcpy(starts_.data(), bytes.data(), starts_.size() * sizeof(float));
        }
        open(folder + "/model.onnx");
    }

    int cells() const { return height * width; }

    // The state before the first step, the same vector at every position; attempt 0 as in training.
    State start(int attempt = 0) const {
        const size_t wide = y_.size(), stored = starts_.size() / (2 * wide);
        if (attempt == 0 || stored == 0) return {repeat(y_.data()), repeat(z_.data())};
        const float* vectors = starts_.data() + (static_cast<size_t>(attempt) - 1) % stored * 2 * wide;
        return {repeat(vectors), repeat(vectors + wide)};
    }

    // One run of the graph; the state is updated in place.
    Run run(const std::vector<int64_t>& question, State& state) const {
        int64_t puzzle = 0;
        const std::vector<int64_t> row{1, static_cast<int64_t>(question.size())}, one{1};
        std::map<std::string, Owned<OrtValue>> given;
        given.emplace("tokens", tensor(question.data(), question.size() * 8, row, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64));
        given.emplace("puzzle_ids", tensor(&puzzle, 8, one, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64));
        given.emplace("y", tensor(state.y.data(), state.y.size() * 4, shape_, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT));
        given.emplace("z", tensor(state.z.data(), state.z.size() * 4, shape_, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT));
        std::vector<const char*> names, wanted;
        std::vector<const OrtValue*> values;
        for (const std::string& each : inputs_) names.push_back(each.c_str()), values.push_back(given.at(each).get());
        for (const std::string& each : outputs_) wanted.push_back(each.c_str());
        std::vector<OrtValue*> raw(wanted.size(), nullptr);
        check(api_->Run(session_.get(), nullptr, names.data(), values.data(), values.size(), wanted.data(), wanted.size(), raw.data()));
        std::map<std::string, Owned<OrtValue>> found;
        for (size_t i = 0; i < raw.size(); ++i) found.emplace(outputs_[i], Owned<OrtValue>(raw[i], api_->ReleaseValue));
        const auto data = [&](const char* name) {
            void* first = nullptr;
            check(api_->GetTensorMutableData(found.at(name).get(), &first));
            return static_cast<const float*>(first);
        };
        const size_t count = state.y.size(), logits = question.size() * tokens.size();
        state.y.assign(data("y_next"), data("y_next") + count);
        state.z.assign(data("z_next"), data("z_next") + count);
        const float keep_on = found.count("continue_logit") ? *data("continue_logit") : 0;
        return {{data("logits"), data("logits") + logits}, *data("halt_logit") - keep_on - halt_above_};
    }

  private:
    const OrtApi* api_ = OrtGetApiBase()->GetApi(ORT_API_VERSION);  // null where the library is older than the header
    Owned<OrtEnv> env_{nullptr, nullptr};
    Owned<OrtSession> session_{nullptr, nullptr};
    Owned<OrtMemoryInfo> memory_{nullptr, nullptr};
    std::vector<std::string> inputs_, outputs_;
    std::vector<int64_t> shape_;  // of a state
    std::vector<float> y_, z_, starts_;
    float halt_above_;

    void open(const std::string& file) {
        if (api_ == nullptr) throw std::runtime_error("ONNX Runtime: the library is older than its header");
        OrtEnv* env = nullptr;
        check(api_->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "redraft", &env));
        env_ = {env, api_->ReleaseEnv};
        OrtSessionOptions* options = nullptr;
        check(api_->CreateSessionOptions(&options));
        const Owned<OrtSessionOptions> kept(options, api_->ReleaseSessionOptions);
        OrtSession* session = nullptr;
        const std::basic_string<ORTCHAR_T> path(file.begin(), file.end());
        check(api_->CreateSession(env, path.c_str(), options, &session));
        session_ = {session, api_->ReleaseSession};
        OrtMemoryInfo* memory = nullptr;
        check(api_->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
        memory_ = {memory, api_->ReleaseMemoryInfo};
        inputs_ = names(api_->SessionGetInputCount, api_->SessionGetInputName);
        outputs_ = names(api_->SessionGetOutputCount, api_->SessionGetOutputName);
    }

    template <typename Count, typename Name> std::vector<std::string> names(Count count, Name name) const {
        OrtAllocator* allocator = nullptr;
        check(api_->GetAllocatorWithDefaultOptions(&allocator));
        size_t many = 0;
        check(count(session_.get(), &many));
        std::vector<std::string> found;
        for (size_t i = 0; i < many; ++i) {
            char* text = nullptr;
            check(name(session_.get(), i, allocator, &text));
            found.emplace_back(text);
            check(api_->AllocatorFree(allocator, text));
        }
        return found;
    }

    void check(OrtStatus* status) const {
        if (status == nullptr) return;
        const std::string what = api_->GetErrorMessage(status);
        api_->ReleaseStatus(status);
        throw std::runtime_error("ONNX Runtime: " + what);
    }

    // A tensor over numbers that stay where they are.
    Owned<OrtValue> tensor(const void* data, size_t bytes, const std::vector<int64_t>& shape, ONNXTensorElementDataType type) const {
        OrtValue* value = nullptr;
        check(api_->CreateTensorWithDataAsOrtValue(memory_.get(), const_cast<void*>(data), bytes, shape.data(), shape.size(), type, &value));
        return {value, api_->ReleaseValue};
    }

    std::vector<float> repeat(const float* vector) const {
        std::vector<float> found;
        int64_t positions = 1;
        for (size_t i = 1; i + 1 < shape_.size(); ++i) positions *= shape_[i];
        for (int64_t i = 0; i < positions; ++i) found.insert(found.end(), vector, vector + y_.size());
        return found;
    }
};
