// Heterodyne: which numbers the free dimensions of a model get, and which of them count samples and tokens.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The shape of one input with what is free in it.
struct InputShape: Sendable, Hashable {
    enum Dimension: Sendable, Hashable {
        case fixed(Int)
        /// A number that is given by this name.
        case free(String)
        /// A number that follows from names, by this expression.
        case derived(String)
    }

    var name: String
    /// Of the elements, for people.
    var type: String
    var dimensions: [Dimension]
}

/// What the owner says about the sizes of a model.
struct ExtentWishes: Sendable, Hashable {
    /// Samples in a run.
    var batch: Int?
    /// Tokens in a sample.
    var sequence: Int?
    /// Numbers by name.
    var named: [String: Int] = [:]
}

/// Numbers for all free dimensions of a model.
struct ModelExtents: Sendable, Hashable {
    /// The number of each free dimension.
    private(set) var numbers: [String: Int] = [:]
    /// Samples in a run; nil where nothing says which dimension counts them.
    private(set) var batch: Int?
    /// Tokens in a sample; nil where the model has no such dimension, or nothing says so.
    private(set) var sequence: Int?
    /// Dimensions that nobody gave a number, which are 1.
    private(set) var assumed: [String] = []

    /// Finds the dimensions that count samples and tokens: by name (`batch`, `batch_size`, ...; `sequence`, `seq_len`, ...),
    /// else samples are counted by the first dimension of inputs and tokens by the second. A dimension that is fixed in the
    /// model must have the number that is asked for. Throws a `ValidationError` that names what does not fit.
    init(_ inputs: [InputShape], _ wishes: ExtentWishes) throws {
        var free: [String] = []
        for input in inputs {
            for case .free(let name) in input.dimensions where !free.contains(name) { free.append(name) }
        }
        let unknown = wishes.named.keys.filter { !free.contains($0) }.sorted()
        guard unknown.isEmpty else {
            let names = unknown.map { "'\($0)'" }.joined(separator: ", ")
            throw ValidationError(
                "no input has a free dimension \(names); "
                    + (free.isEmpty ? "none is free" : "the free ones are \(free.joined(separator: ", "))"))
        }
        numbers = wishes.named
        batch = try bind(.samples, wishes.batch, inputs, free)
        sequence = try bind(.tokens, wishes.sequence, inputs, free)
        for name in free where numbers[name] == nil {
            numbers[name] = 1
            assumed.append(name)
        }
        // What was found by its name counts whether or not it was asked for.
        if batch == nil, let name = Self.named(.samples, free) { batch = numbers[name] }
        if sequence == nil, let name = Self.named(.tokens, free) { sequence = numbers[name] }
    }

    /// What a dimension counts.
    private enum Count {
        case samples, tokens

        var option: String { self == .samples ? "--batch" : "--sequence" }
        var position: Int { self == .samples ? 0 : 1 }

        func isMeant(by name: String) -> Bool {
            let name = name.lowercased()
            switch self {
            case .samples: return name.contains("batch")
            case .tokens: return name.contains("seq") || ["length", "tokens", "time", "len"].contains(name)
            }
        }
    }

    private static func named(_ count: Count, _ free: [String]) -> String? { free.first(where: count.isMeant) }

    private mutating func bind(
        _ count: Count, _ wish: Int?, _ inputs: [InputShape], _ free: [String]
    ) throws -> Int? {
        guard let wish else { return nil }
        let place = count.position
        let candidates = inputs.filter { $0.dimensions.count > place }
        var name = Self.named(count, free)
        if name == nil {
            for input in candidates {
                guard case .free(let found) = input.dimensions[place], numbers[found] == nil else { continue }
                // A name that means the other thing is no candidate.
                guard !(count == .samples ? Count.tokens : .samples).isMeant(by: found) else { continue }
                name = found
                break
            }
        }
        if let name {
            if let given = numbers[name], given != wish {
                throw ValidationError("\(count.option) \(wish) and --dim \(name)=\(given) contradict each other")
            }
            numbers[name] = wish
            return wish
        }
        guard !candidates.isEmpty else {
            throw ValidationError("\(count.option) \(wish): no input of the model has a dimension that counts that")
        }
        let matches = candidates.contains { $0.dimensions[place] == .fixed(wish) }
        guard matches else {
            let shapes = candidates.map(Self.text).joined(separator: ", ")
            throw ValidationError(
                "\(count.option) \(wish): the model has no free dimension for it, and its inputs are fixed: \(shapes)")
        }
        return wish
    }

    /// An input for people, for instance `ids: int64[batch, 128]`.
    static func text(_ input: InputShape) -> String {
        let parts = input.dimensions.map { dimension in
            switch dimension {
            case .fixed(let number): String(number)
            case .free(let name), .derived(let name): name
            }
        }
        return "\(input.name): \(input.type)[\(parts.joined(separator: ", "))]"
    }
}
