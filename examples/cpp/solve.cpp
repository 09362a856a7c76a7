// Solves a puzzle with an exported model in C++17 by ONNX Runtime's C API: solve FOLDER PUZZLE
//
//     g++ -std=c++17 -O2 -I ONNXRUNTIME/include solve.cpp -L ONNXRUNTIME/lib -lonnxruntime -o solve
//
// FOLDER is what `redraft export` writes. PUZZLE has a character per cell, row by row. Prints the answer and what came of
// it: `solved` and `unsolved` by the rules of Sudoku and mazes, `halted` and `unhalted` by the halting head, for other
// tasks. Exits with 0 for an answer, 1 for none, 2 for a puzzle that cannot be read.

#include <algorithm>
#include <cmath>
#include <deque>
#include <iostream>

#include "model.hpp"

using Tokens = std::vector<int64_t>;

constexpr int64_t blank = 1;                                // of a Sudoku, whose digit d is token d + 1
constexpr int64_t wall = 1, free_cell = 2, S = 3, G = 4, path = 5;  // of a maze

// The tokens of a puzzle. A dot is a blank, in a maze a free cell.
Tokens read(const Model& model, const std::string& puzzle) {
    const auto& known = model.tokens;
    const bool spaces = std::find(known.begin(), known.end(), " ") != known.end();
    Tokens found;
    for (size_t at = 0, next; at < puzzle.size(); at = next) {
        for (next = at + 1; next < puzzle.size() && (puzzle[next] & 0xC0) == 0x80;) ++next;  // the rest of a UTF-8 character
        std::string sign = puzzle.substr(at, next - at);
        if (sign == "." && spaces) sign = " ";
        const auto token = std::find(known.begin() + 1, known.end(), sign);
        if (token == known.end()) throw std::invalid_argument("cell " + std::to_string(found.size() + 1) + ": unknown symbol '" + sign + "'");
        found.push_back(token - known.begin());
    }
    if (static_cast<int>(found.size()) != model.cells())
        throw std::invalid_argument("expected " + std::to_string(model.cells()) + " cells, got " + std::to_string(found.size()));
    return found;
}

std::string write(const Model& model, const Tokens& tokens) {
    std::string found;
    for (const int64_t token : tokens) found += token ? model.tokens[static_cast<size_t>(token)] : ".";
    return found;
}

// Whether every row, column and box of a Sudoku has each digit once, and the givens stay.
bool is_right(const Tokens& question, const Tokens& answer, int size) {
    int high = static_cast<int>(std::sqrt(size));  // rows of a box
    while (size % high) --high;
    const int wide = size / high;
    std::vector<uint32_t> seen(static_cast<size_t>(3 * size));
    for (int cell = 0; cell < size * size; ++cell) {
        const int64_t given = question[static_cast<size_t>(cell)], token = answer[static_cast<size_t>(cell)];
        if (token <= blank || (given != blank && given != token)) return false;
        const int row = cell / size, column = cell % size, box = row / high * high + column / wide;
        for (const int unit : {row, size + column, 2 * size + box}) seen[static_cast<size_t>(unit)] |= 1u << token;
    }
    return std::all_of(seen.begin(), seen.end(), [&](uint32_t digits) { return digits == ((1u << size) - 1) << 2; });
}

// Steps from S to G over cells from token `lowest` up; -1 where there is no way.
int steps(const Tokens& maze, int width, int64_t lowest) {
    const int cells = static_cast<int>(maze.size());
    std::vector<int> distance(maze.size(), -1);
    std::deque<int> queue;
    for (int cell = 0; cell < cells; ++cell)
        if (maze[static_cast<size_t>(cell)] == S) distance[static_cast<size_t>(cell)] = 0, queue.push_back(cell);
    for (; !queue.empty(); queue.pop_front()) {
        const int cell = queue.front(), column = cell % width;
        if (maze[static_cast<size_t>(cell)] == G) return distance[static_cast<size_t>(cell)];
        for (const int next : {cell - width, cell + width, column > 0 ? cell - 1 : -1, column + 1 < width ? cell + 1 : -1}) {
            if (next < 0 || next >= cells || maze[static_cast<size_t>(next)] < lowest || distance[static_cast<size_t>(next)] >= 0) continue;
            distance[static_cast<size_t>(next)] = distance[static_cast<size_t>(cell)] + 1;
            queue.push_back(next);
        }
    }
    return -1;
}

// Whether the path cells are a shortest path, and nothing else of the maze is changed.
bool is_shortest_path(const Tokens& question, const Tokens& answer, int width) {
    for (size_t cell = 0; cell < answer.size(); ++cell)
        if (question[cell] != answer[cell] && !(question[cell] == free_cell && answer[cell] == path)) return false;
    const int shortest = steps(question, width, free_cell), drawn = steps(answer, width, S);
    return drawn >= 0 && drawn == shortest && std::count(answer.begin(), answer.end(), path) == drawn - 1;
}

struct Guess {
    size_t cell;
    int64_t token;
};

// Cells to fill for further attempts, with tokens: least certain cell first, its second-best token before its best.
std::deque<Guess> guesses(const Tokens& question, const std::vector<float>& logits, int64_t vocabulary) {
    struct Open { size_t cell; int64_t best, second; float gap; };
    std::vector<Open> open;
    for (size_t cell = 0; cell < question.size(); ++cell) {
        if (question[cell] != blank) continue;
        const float* row = logits.data() + cell * static_cast<size_t>(vocabulary);
        Tokens order;
        for (int64_t token = blank + 1; token < vocabulary; ++token) order.push_back(token);
        std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return row[a] > row[b]; });
        open.push_back({cell, order[0], order[1], row[order[0]] - row[order[1]]});
    }
    std::stable_sort(open.begin(), open.end(), [](const Open& a, const Open& b) { return a.gap < b.gap; });
    std::deque<Guess> found;
    for (const Open& each : open) found.push_back({each.cell, each.second}), found.push_back({each.cell, each.best});
    return found;
}

struct Answer {
    std::string text, status;
    int steps, attempts;
};

Answer solve(const Model& model, const Tokens& question) {
    const bool sudoku = model.task.rfind("sudoku", 0) == 0, maze = model.task.rfind("maze", 0) == 0, judged = sudoku || maze;
    const int64_t vocabulary = static_cast<int64_t>(model.tokens.size());
    const int most = judged ? model.max_steps : 16, restart = judged ? model.restart : 0, parts = model.parts;
    Tokens asked = question, drafted(question.size());
    State state = model.start();
    std::deque<Guess> left;
    int attempt = 1;
    for (int run = 1; run <= most * parts; ++run) {
        const Run found = model.run(asked, state);
        for (size_t cell = 0; cell < drafted.size(); ++cell) {
            const auto row = found.logits.begin() + static_cast<int64_t>(cell) * vocabulary;
            drafted[cell] = std::max_element(row, row + vocabulary) - row;
        }
        if (judged) {  // by the rules, which may hold after any run
            Tokens filled = drafted;
            for (size_t cell = 0; sudoku && cell < filled.size(); ++cell)
                if (question[cell] != blank) filled[cell] = question[cell];
            if (sudoku ? is_right(question, filled, model.width) : is_shortest_path(question, filled, model.width))
                return {write(model, filled), "solved", (run + parts - 1) / parts, attempt};
        } else if (run % parts == 0 && found.margin > 0) {  // the head knows only the ends of steps
            return {write(model, drafted), "halted", run / parts, attempt};
        }
        if (restart > 0 && run % (restart * parts) == 0 && run < most * parts) {
            if (attempt == 1 && sudoku && model.guess) left = guesses(question, found.logits, vocabulary);
            asked = question;
            if (left.empty()) {
                state = model.start(attempt);
            } else {  // as at first, with one more cell given
                asked[left.front().cell] = left.front().token;
                left.pop_front();
                state = model.start();
            }
            ++attempt;
        }
    }
    return {write(model, drafted), judged ? "unsolved" : "unhalted", most, attempt};
}

int main(int count, char** arguments) try {
    if (count != 3) {
        std::cerr << "usage: solve FOLDER PUZZLE\n";
        return 2;
    }
    const Model model(arguments[1]);
    const Answer answer = solve(model, read(model, arguments[2]));
    std::cout << answer.text << "\n" << answer.status << " (steps: " << answer.steps << ", attempts: " << answer.attempts << ")\n";
    return answer.status[0] == 'u' ? 1 : 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
}
