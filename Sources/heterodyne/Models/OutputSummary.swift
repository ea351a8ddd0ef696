// Heterodyne: what a person wants to see of a model's outputs.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX

/// A line about an output.
enum OutputSummary {
    /// Name, type, range and first elements.
    static func text(_ name: String, _ data: ONNXData) -> String { "\(name): \(text(data))" }

    private static func text(_ data: ONNXData) -> String {
        switch data {
        case .text(let text): return "string\(text.dimensions) \(text.elements.prefix(4))"
        case .sequence(let elements):
            return "sequence of \(elements.count): [\(elements.prefix(4).map(text).joined(separator: "; "))]"
        case .optional(let value): return value.map(text) ?? "nothing"
        case .tensor(let element, let literal):
            guard let numbers = try? literal.numbers() else { return "\(element)\(literal.type.shape)" }
            guard element.scalarType != nil else { return "\(element)\(literal.type.shape) codes \(numbers.prefix(8))" }
            var summary = "\(element)\(literal.type.shape)"
            let finite = numbers.filter(\.isFinite)
            if let low = finite.min(), let high = finite.max(), numbers.count > 1 {
                let mean = finite.reduce(0, +) / Double(finite.count)
                summary += " from \(number(low)) to \(number(high)), mean \(number(mean))"
                if finite.count < numbers.count { summary += ", \(numbers.count - finite.count) not finite" }
            }
            let first = numbers.prefix(6).map(number).joined(separator: ", ")
            return summary + " [\(first)\(numbers.count > 6 ? ", …" : "")]"
        }
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "nan" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int(value)) }
        return String(format: "%.6g", value)
    }
}

extension Literal {
    /// The elements as numbers; 64-bit integers beyond 2^53 round.
    func numbers() throws -> [Double] {
        let type = self.type.scalarType
        return (0..<(try self.type.elementCount())).map { type.number(fromBits: bits(at: $0)) }
    }
}

/// Writes outputs as files.
struct OutputFiles {
    let folder: String

    func write(_ outputs: [(name: String, data: ONNXData)]) throws {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch { throw ValidationError("cannot make the folder '\(folder)': \(error.localizedDescription)") }
        var used: Set<String> = []
        for (name, data) in outputs { try write(Self.fileName(name), data, &used) }
    }

    /// Names of outputs may hold separators of folders.
    private static func fileName(_ name: String) -> String {
        let safe = String(name.map { $0 == "/" || $0 == "\0" ? "_" : $0 })
        return safe.isEmpty || safe.hasPrefix(".") ? "_\(safe)" : safe
    }

    private func write(_ name: String, _ data: ONNXData, _ used: inout Set<String>) throws {
        switch data {
        case .tensor(_, let literal):
            var unique = name
            var number = 1
            while !used.insert(unique).inserted {
                unique = "\(name).\(number)"
                number += 1
            }
            do { try NpyFile.write(literal, to: "\(folder)/\(unique).npy") } catch { throw ValidationError("\(error)") }
        case .text(let text):
            try heterodyne_cli.write(text.elements.joined(separator: "\n") + "\n", to: "\(folder)/\(name).txt")
        case .sequence(let elements):
            for (index, element) in elements.enumerated() { try write("\(name).\(index)", element, &used) }
        case .optional(let value): if let value { try write(name, value, &used) }
        }
    }
}

/// The differences between the outputs of two devices.
struct OutputComparison {
    private var lines: [String] = []
    /// Whether number, types and shapes agree.
    private(set) var isComparable = true

    init(
        _ first: [(name: String, data: ONNXData)], _ second: [(name: String, data: ONNXData)], on a: String,
        and b: String
    ) {
        lines.append("difference between \(a) and \(b):")
        for (one, two) in zip(first, second) { compare(one.name, one.data, two.data) }
    }

    /// One line for each output.
    var text: String { lines.joined(separator: "\n") }

    private mutating func compare(_ name: String, _ first: ONNXData, _ second: ONNXData) {
        switch (first, second) {
        case (.tensor(let one, let x), .tensor(let two, let y)) where one == two && x.type == y.type:
            guard let a = try? x.numbers(), let b = try? y.numbers() else { return }
            var absolute = 0.0
            var relative = 0.0
            var place = 0
            var unequal = 0
            for (index, (p, q)) in zip(a, b).enumerated() where p != q && !(p.isNaN && q.isNaN) {
                unequal += 1
                let difference = abs(p - q)
                if !difference.isFinite || difference > absolute {
                    absolute = difference.isFinite ? difference : .infinity
                    place = index
                }
                relative = max(relative, difference / max(abs(p), abs(q)))
            }
            guard unequal > 0 else {
                lines.append("  \(name): equal, \(a.count) elements")
                return
            }
            lines.append(
                "  \(name): at most \(OutputSummary.number(absolute)) (at element \(place)), relative "
                    + "\(OutputSummary.number(relative)), \(unequal) of \(a.count) elements differ")
        case (.text(let one), .text(let two)) where one == two: lines.append("  \(name): equal text")
        case (.sequence(let one), .sequence(let two)) where one.count == two.count:
            for (index, (x, y)) in zip(one, two).enumerated() { compare("\(name).\(index)", x, y) }
        case (.optional(let one?), .optional(let two?)): compare(name, one, two)
        case (.optional(nil), .optional(nil)): lines.append("  \(name): nothing on both")
        default:
            isComparable = false
            lines.append("  \(name): \(OutputSummary.text("", first)) against \(OutputSummary.text("", second))")
        }
    }
}
