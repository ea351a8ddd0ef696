// Heterodyne: the ONNX backend test suite as files.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Why a folder is not an exported suite.
public struct ONNXSuiteError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what to do.
    public let description: String
}

/// One case of the suite: a model, its inputs, and what must come out.
public struct ONNXCase: Sendable, Hashable, Identifiable {
    /// Where the case is from: `node`, `simple`, `pytorch-converted`, `pytorch-operator`, `light`, or `simple-code`.
    public var group: String
    /// The name, for instance `test_abs`.
    public var name: String
    /// The largest difference allowed, as a part of the expected number.
    public var relativeTolerance: Double
    /// The largest difference allowed besides.
    public var absoluteTolerance: Double
    /// The number of inputs.
    public var inputCount: Int
    /// The number of outputs.
    public var outputCount: Int
    /// Whether the case is of the classic subset: ai.onnx operators up to set 26 on tensors of the usual types.
    public var isClassic: Bool
    /// The operators of the model, those within subgraphs included, in the order in which they occur.
    public var operators: [String]
    /// The folder with the model and the values.
    public var folder: String

    /// `group/name`.
    public var id: String { "\(group)/\(name)" }
    /// Whether the suite's own runner runs the case. The others are reported and not counted.
    public var isCounted: Bool { group != "simple-code" }
    /// The model.
    public var modelPath: String { folder + "/model.onnx" }
    /// The input at `index`.
    public func inputPath(_ index: Int) -> String { folder + "/input_\(index).pb" }
    /// What the output at `index` must be.
    public func outputPath(_ index: Int) -> String { folder + "/output_\(index).pb" }
}

/// The ONNX backend test suite as `scripts/onnx_suite` exports it: 2,033 cases, and three that only its code has.
public struct ONNXSuite: Sendable {
    /// The version of the package `onnx` that `scripts/onnx_suite` exports.
    public static let version = "1.23.2"

    /// The version of the package that the cases are from.
    public let version: String
    /// The cases, sorted by group and name.
    public var cases: [ONNXCase]

    /// The folder that `scripts/onnx_suite` writes: within `HETERODYNE_CACHE` where that is set, else within `.cache` of
    /// the current folder.
    public static var defaultFolder: String {
        let cache = getenv("HETERODYNE_CACHE").map { String(cString: $0) } ?? ""
        return (cache.isEmpty ? ".cache" : cache) + "/onnx-suite/\(version)"
    }

    /// The suite in `folder`. Reads its index only.
    public init(folder: String) throws(ONNXSuiteError) {
        let path = folder + "/index.tsv"
        guard let text = Self.text(path) else {
            throw ONNXSuiteError(
                description: "there is no ONNX suite in '\(folder)' (\(path) cannot be read); run scripts/onnx_suite, "
                    + "which exports it to $HETERODYNE_CACHE/onnx-suite/\(Self.version)")
        }
        let lines = text.split(separator: "\n")
        let header = lines.first?.split(separator: " ") ?? []
        guard header.count == 5, header[0] == "#", header[1] == "heterodyne-onnx-suite", header[2] == "2",
            Int(header[4]) == lines.count - 1
        else {
            throw ONNXSuiteError(
                description:
                    "'\(path)' is not an index that this program reads, or not all of it; remove the folder and "
                    + "run scripts/onnx_suite")
        }
        version = String(header[3])
        cases = []
        for (index, line) in lines.dropFirst().enumerated() {
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard columns.count == 9, let relative = Double(columns[2]), let absolute = Double(columns[3]),
                relative >= 0, absolute >= 0, Self.isPlain(columns[0]), Self.isPlain(columns[1])
            else {
                throw ONNXSuiteError(
                    description: "line \(index + 2) of '\(path)' is not a case; run scripts/onnx_suite")
            }
            cases.append(
                ONNXCase(
                    group: String(columns[0]), name: String(columns[1]), relativeTolerance: relative,
                    absoluteTolerance: absolute, inputCount: columns[4].split(separator: ",").count,
                    outputCount: columns[5].split(separator: ",").count, isClassic: columns[6] == "classic",
                    operators: columns[7].split(separator: ",").map(String.init),
                    folder: "\(folder)/\(columns[0])/\(columns[1])"))
        }
    }

    /// The cases whose identifiers contain `filter`; with `*` in it, those that match it as a whole.
    public func filtered(_ filter: String) -> ONNXSuite {
        let pattern = CasePattern(filter.contains("*") ? filter : "*\(filter)*")
        var copy = self
        copy.cases = cases.filter { pattern.matches($0.id) }
        return copy
    }

    /// Whether `name` names something in a folder and nothing elsewhere.
    private static func isPlain(_ name: Substring) -> Bool {
        !name.isEmpty && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/"))
            && !name.utf8.contains(0)
    }

    private static func text(_ path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { break }
            bytes.append(contentsOf: chunk[..<count])
            // An index has a few hundred kilobytes.
            guard bytes.count <= 64 << 20 else { return nil }
        }
        return ferror(file) == 0 ? String(validating: bytes, as: UTF8.self) : nil
    }
}
