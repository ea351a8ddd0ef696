// Heterodyne: the values of a model's inputs, from files or at random.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX

/// The values of a model's inputs, from files or at random.
struct ModelInputs {
    let model: ONNXModel
    let extents: [String: Int]
    /// The arguments of `--input`.
    let texts: [String]
    /// The model's file, for messages.
    let path: String

    private enum Source {
        case file(String)
        case random(seed: UInt64)
    }

    /// The value of every input that has no initializer and of those that were named.
    func resolve() throws -> [String: ONNXData] {
        var sources: [String: Source] = [:]
        var rest: Source?
        for text in texts {
            if let source = try Self.random(text) {
                rest = source
                continue
            }
            guard let cut = text.firstIndex(of: "="), cut != text.startIndex else {
                throw ValidationError("'--input \(text)' is not NAME=FILE, NAME=random[:SEED] or random[:SEED]")
            }
            let name = String(text[..<cut])
            let value = String(text[text.index(after: cut)...])
            guard model.graph.inputs.contains(where: { $0.name == name }) else {
                let known = model.graph.inputs.map { "'\($0.name)'" }.joined(separator: ", ")
                throw ValidationError("the model has no input '\(name)'; its inputs: \(known.isEmpty ? "none" : known)")
            }
            sources[name] = try Self.random(value) ?? .file(value)
        }
        let required = Set(ONNXImporter(model) { (_, _) throws(GraphError) in [] }.requiredInputs.map(\.name))
        let missing = model.graph.inputs.filter { required.contains($0.name) && sources[$0.name] == nil }
        if rest == nil, !missing.isEmpty {
            let lines = missing.map { "  --input '\($0.name)=FILE.npy'   \($0.type?.text ?? "of any type")" }
            throw ValidationError(
                "no value is given for these inputs; add them, or --input random for all:\n"
                    + lines.joined(separator: "\n"))
        }
        var assumed: [String] = []
        var result: [String: ONNXData] = [:]
        for (index, input) in model.graph.inputs.enumerated() {
            guard let source = sources[input.name] ?? (required.contains(input.name) ? rest : nil) else { continue }
            switch source {
            case .file(let file): result[input.name] = try Self.read(file, for: input)
            case .random(let seed):
                result[input.name] = try random(input, seed: seed &+ UInt64(index) &* 0x9E37, &assumed)
            }
        }
        let unused = extents.keys.filter { name in !model.graph.inputs.contains { Self.names(of: $0).contains(name) } }
        guard unused.isEmpty else {
            let known = Set(model.graph.inputs.flatMap(Self.names)).sorted()
            throw ValidationError(
                "no input has a dimension \(unused.sorted().map { "'\($0)'" }.joined(separator: ", ")); "
                    + (known.isEmpty ? "none is free" : "the free ones are \(known.joined(separator: ", "))"))
        }
        if !assumed.isEmpty {
            var seen: Set<String> = []
            let names = assumed.filter { seen.insert($0).inserted }
            printError("note: \(names.map { "\($0) = 1" }.joined(separator: ", ")) (change with --dim NAME=NUMBER)")
        }
        return result
    }

    private static func random(_ text: String) throws -> Source? {
        if text == "random" { return .random(seed: 0) }
        guard text.hasPrefix("random:") else { return nil }
        guard let seed = UInt64(text.dropFirst("random:".count)) else {
            throw ValidationError("'\(text)': the seed is a whole number from 0 on, such as random:7")
        }
        return .random(seed: seed)
    }

    /// The names by which the free dimensions of an input are given.
    static func names(of input: ONNXValue) -> [String] {
        guard case .tensor(_, let dimensions?)? = input.type else { return [] }
        return dimensions.enumerated().compactMap { index, dimension in
            switch dimension {
            case .fixed: nil
            case .symbol(let name): name
            case .unknown: "\(input.name):\(index)"
            }
        }
    }

    private static func read(_ file: String, for input: ONNXValue) throws -> ONNXData {
        if file.hasSuffix(".pb") {
            do { return try ONNXData.load(file, as: input.type) } catch {
                throw ValidationError("input '\(input.name)': \(error)")
            }
        }
        var raw: ScalarType?
        var element: ONNXElementType?
        if case .tensor(let type, _)? = input.type {
            element = type
            raw = type.carrier
        }
        do {
            let literal = try NpyFile.read(path: file, rawType: raw)
            guard let element, element.carrier == literal.type.scalarType else { return ONNXData(literal) }
            return .tensor(element, literal)
        } catch {
            throw ValidationError("input '\(input.name)': \(error)")
        }
    }

    private func random(_ input: ONNXValue, seed: UInt64, _ assumed: inout [String]) throws -> ONNXData {
        guard case .tensor(let element, let dimensions?)? = input.type, let carrier = element.carrier else {
            throw ValidationError(
                "input '\(input.name)' is \(input.type?.text ?? "of any type"), which cannot be made at random; give a file"
            )
        }
        var shape: [Int] = []
        for (index, dimension) in dimensions.enumerated() {
            switch dimension {
            case .fixed(let number): shape.append(number)
            case .symbol(let name): shape.append(extent(name, &assumed))
            case .unknown: shape.append(extent("\(input.name):\(index)", &assumed))
            }
        }
        let type = TensorType(carrier, Shape(shape))
        do {
            try type.validate()
            let count = try type.elementCount()
            var generator = RandomNumbers(seed: seed)
            let isCode = element.scalarType == nil && !element.isTwoBitInteger
            return .tensor(
                element,
                try Self.literal(type, count) {
                    if isCode { return UInt64(generator.below(1 << min(element.bitWidth, 6))) }
                    if carrier == .bool { return UInt64(generator.below(2)) }
                    if carrier.isFloatingPoint { return carrier.bits(of: generator.normal()) }
                    // 0 and 1 are in every table of embeddings, and masks of attention hold nothing else.
                    return carrier.bits(of: Double(generator.below(2)))
                })
        } catch let error as GraphError {
            throw ValidationError("input '\(input.name)': \(error)")
        }
    }

    private func extent(_ name: String, _ assumed: inout [String]) -> Int {
        if let given = extents[name] { return given }
        assumed.append(name)
        return 1
    }

    private static func literal(_ type: TensorType, _ count: Int, _ next: () -> UInt64) throws -> Literal {
        let width = type.scalarType.bitWidth
        let storage = LiteralStorage(count: try type.byteCount()) { bytes in
            for index in 0..<count {
                var bits = next()
                if width == 4 {
                    let shift = UInt8(index % 2 * 4)
                    bytes[index / 2] = (index % 2 == 0 ? 0 : bytes[index / 2]) | UInt8(bits & 15) << shift
                } else {
                    for byte in 0..<width / 8 {
                        bytes[index * (width / 8) + byte] = UInt8(truncatingIfNeeded: bits)
                        bits >>= 8
                    }
                }
            }
        }
        return try Literal(type: type, storage: storage)
    }
}

extension ONNXElementType {
    fileprivate var isTwoBitInteger: Bool { self == .int2 || self == .uint2 }
}

/// Numbers that follow from a seed, everywhere the same.
struct RandomNumbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64 (Steele, Lea, Flood, 2014).
    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// A whole number from 0 to below `limit`, which is small.
    mutating func below(_ limit: Int) -> Int { Int(next() >> 33) % max(1, limit) }

    /// A number from 0 to below 1.
    private mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A number of the normal distribution with mean 0 and deviation 1 (Box and Muller).
    mutating func normal() -> Double {
        let radius = (-2 * Foundation.log(1 - unit())).squareRoot()
        return radius * Foundation.cos(2 * .pi * unit())
    }
}
