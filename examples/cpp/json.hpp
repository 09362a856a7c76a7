// Reads JSON, no more of it than `config.json` of an exported folder needs: numbers are doubles, keys keep the last value.
#pragma once

#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

struct Json {
    using List = std::vector<Json>;
    using Object = std::map<std::string, Json>;
    std::variant<std::nullptr_t, bool, double, std::string, List, Object> value;

    const Json& operator[](const std::string& key) const {
        static const Json none{nullptr};
        const auto* object = std::get_if<Object>(&value);
        const auto found = object ? object->find(key) : Object::const_iterator{};
        return object && found != object->end() ? found->second : none;
    }
    double number(double otherwise) const {
        const auto* found = std::get_if<double>(&value);
        return found ? *found : otherwise;
    }
    bool flag() const { return std::holds_alternative<bool>(value) && std::get<bool>(value); }
    const std::string& text() const { return std::get<std::string>(value); }
    const List& list() const { return std::get<List>(value); }
    std::vector<float> floats() const {
        std::vector<float> found;
        for (const Json& each : list()) found.push_back(static_cast<float>(std::get<double>(each.value)));
        return found;
    }
};

class JsonReader {
  public:
    explicit JsonReader(const std::string& text) : text_(text) {}

    Json read() {
        switch (next()) {
            case '{': return object();
            case '[': return list();
            case '"': return {string()};
            case 't': return word("true", {true});
            case 'f': return word("false", {false});
            case 'n': return word("null", {nullptr});
            default: return number();
        }
    }

  private:
    const std::string& text_;
    size_t at_ = 0;

    [[noreturn]] void fail() const { throw std::runtime_error("config.json: no JSON at byte " + std::to_string(at_)); }
    char next() {  // the next character that is no space
        at_ = text_.find_first_not_of(" \t\r\n", at_);
        if (at_ == std::string::npos) at_ = text_.size(), fail();
        return text_[at_];
    }
    bool take(char wanted) { return next() == wanted ? ++at_, true : false; }
    void expect(char wanted) { if (!take(wanted)) fail(); }
    Json word(const std::string& wanted, Json value) {
        if (text_.compare(at_, wanted.size(), wanted) != 0) fail();
        at_ += wanted.size();
        return value;
    }
    Json number() {
        const char* begin = text_.c_str() + at_;
        char* end = nullptr;
        const double found = std::strtod(begin, &end);
        if (end == begin) fail();
        at_ += static_cast<size_t>(end - begin);
        return {found};
    }
    std::string string() {
        expect('"');
        std::string found;
        while (at_ < text_.size() && text_[at_] != '"') {
            if (text_[at_] != '\\') { found += text_[at_++]; continue; }
            if (++at_ >= text_.size()) fail();
            const char code = text_[at_++];
            if (code == 'u') found += utf8();
            else if (const size_t known = std::string("nrtbf").find(code); known != std::string::npos) found += "\n\r\t\b\f"[known];
            else found += code;
        }
        if (at_ >= text_.size()) fail();
        ++at_;
        return found;
    }
    std::string utf8() {  // of the four hexadecimal digits of \u
        const unsigned code = static_cast<unsigned>(std::stoul(text_.substr(at_, 4), nullptr, 16));
        at_ += 4;
        if (code < 0x80) return {static_cast<char>(code)};
        if (code < 0x800) return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
        return {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)), static_cast<char>(0x80 | (code & 0x3F))};
    }
    Json list() {
        expect('[');
        Json::List found;
        if (take(']')) return {found};
        do found.push_back(read()); while (take(','));
        expect(']');
        return {found};
    }
    Json object() {
        expect('{');
        Json::Object found;
        if (take('}')) return {found};
        do {
            next();
            std::string key = string();
            expect(':');
            found[key] = read();
        } while (take(','));
        expect('}');
        return {found};
    }
};
