// Heterodyne: semantic search over the lines of a file, on any device.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Heterodyne
import SentenceEmbeddingModel

@main struct SentenceEmbedding: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "SentenceEmbedding",
        abstract: "Embeds the lines of a text file with all-MiniLM-L6-v2 and finds those nearest to a query.",
        discussion: """
            The model runs unchanged on every device; with --device all the answers are compared. Weights come from \
            --weights, else from the cache that scripts/fetch_weights fills ($HETERODYNE_CACHE or .cache in the \
            repository), and are fetched when absent.

            With --weight-type all weights are rounded when they are loaded and stay so in memory; how near the \
            embeddings come to those of the file's weights is told as the least cosine of any text. What happens \
            where a device lacks a scalar type, say one that $HETERODYNE_MASK hides, is said with --types and told by \
            --report.

            Exit status: 0 done, 1 something failed, 64 wrong usage.
            """)

    @Option(name: .shortAndLong, help: "What to look for.") var query: String
    @Option(
        name: .shortAndLong, help: "A device's identifier as devquery lists it, or 'all'. Default: the fastest backend."
    )
    var device: String?
    @Option(help: ArgumentHelp("Folder with model.safetensors, vocab.txt and config.json.", valueName: "dir"))
    var weights: String?
    @Option(
        help: ArgumentHelp(
            "Keep the weights as float32, bfloat16 or float16. Default: as in the file.", valueName: "type"))
    var weightType: WeightType?
    @Option(
        help: ArgumentHelp(
            "What happens where a device lacks a scalar type: fallback, emulate, demote or error, for all types or as in "
                + "float64=demote,int64=error.", valueName: "policy"))
    var types: String?
    @Flag(help: "Refuse to run with any decision of the compiler that is not free.") var strict = false
    @Option(help: ArgumentHelp("Write the lines' embeddings there as float32 [lines, 384].", valueName: "file.npy"))
    var output: String?
    @Option(
        help: ArgumentHelp(
            "Also write the model as ONNX, for all lines as one batch, and that batch as <file>.ids.npy and .mask.npy.",
            valueName: "file.onnx"))
    var export: String?
    @Option(name: .shortAndLong, help: "How many matches to print.") var top: Int = 5
    @Option(help: "Lines per batch.") var batch: Int = 8
    @Flag(help: "Print one JSON document and nothing else.") var json = false
    @Flag(help: "Print what the compiler decided for the query, per device.") var report = false
    @Option(
        name: .customLong("report-json"),
        help: ArgumentHelp("Write what the compiler decided for the query as JSON.", valueName: "file"))
    var reportJSON: String?
    @Argument(help: ArgumentHelp("A text file; every line that is not empty is one text.", valueName: "file"))
    var file: String

    /// The types that weights are kept in.
    enum WeightType: String, CaseIterable, ExpressibleByArgument {
        case float32, bfloat16, float16

        var scalarType: ScalarType {
            switch self {
            case .float32: .float32
            case .bfloat16: .bfloat16
            case .float16: .float16
            }
        }
    }

    func validate() throws {
        guard top > 0 else { throw ValidationError("--top must be at least 1, not \(top)") }
        guard (1...4096).contains(batch) else { throw ValidationError("--batch must be 1 to 4096, not \(batch)") }
    }

    func run() throws {
        do { try search() } catch {
            // One line for whatever went wrong; every error of the library describes itself.
            FileHandle.standardError.write(Data("SentenceEmbedding: \(Self.oneLine(error))\n".utf8))
            throw ExitCode.failure
        }
    }

    private static func oneLine(_ error: any Error) -> String {
        "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    /// Input that cannot be searched.
    private struct InputError: Error, CustomStringConvertible { let description: String }

    private func search() throws {
        let texts = try readLines()
        let devices = try chosenDevices()
        let files = try weights.map { try PretrainedFiles(folder: $0) } ?? PretrainedFiles.cached()
        let encoder = try SentenceEncoder(files, weightType: weightType?.scalarType)
        let tokenizer = try WordPieceTokenizer(
            vocabularyFile: files.vocabulary, size: encoder.configuration.vocabSize)
        if let export {
            let embedder = SentenceEmbedder(encoder: encoder, tokenizer: tokenizer, device: devices[0])
            try embedder.export(texts.map(\.text), to: export)
        }
        var compiler = CompilerOptions()
        compiler.isStrict = strict
        if let types { compiler.scalarTypes = try ScalarTypePolicy(parsing: types) }
        let original = try weightType.map { _ in try embedOriginal(texts, files, tokenizer, devices[0]) }
        var runs: [DeviceRun] = []
        for device in devices {
            var run = try search(texts, encoder, tokenizer, device, compiler)
            run.cosine = original.map { leastCosine(run.embeddings + run.query, $0, width: run.query.count) }
            runs.append(run)
        }
        if let reportJSON {
            try Data(CompilationReport.json(of: runs.map(\.report)).utf8).write(to: URL(fileURLWithPath: reportJSON))
        }
        let first = runs[0]
        if let output {
            let count = texts.count
            try NpyFile.write(
                Literal(first.embeddings, shape: Shape([count, first.query.count])), to: output)
        }
        if json {
            try printJSON(runs)
        } else {
            printText(runs, lines: texts.count)
        }
    }

    // MARK: - Input

    private func readLines() throws -> [(line: Int, text: String)] {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw InputError(description: "cannot read '\(file)'")
        }
        guard let content = String(data: data, encoding: .utf8) else {
            throw InputError(description: "'\(file)' is not UTF-8 text")
        }
        let lines = content.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let texts = lines.enumerated().compactMap { index, line -> (line: Int, text: String)? in
            let text = line.trimmingCharacters(in: .whitespaces)
            return text.isEmpty ? nil : (index + 1, text)
        }
        guard !texts.isEmpty else { throw InputError(description: "'\(file)' has no lines with text") }
        return texts
    }

    private func chosenDevices() throws -> [Device] {
        guard let device else { return [try Device.current] }
        guard device == "all" else { return [try Device(device)] }
        let all = Device.all
        guard !all.isEmpty else { return [try Device.current] }
        return all
    }

    // MARK: - Search

    private struct DeviceRun {
        var device: Device
        var embeddings: [Float]
        var query: [Float]
        var matches: [SearchMatch]
        var compileSeconds: Double
        var querySeconds: Double
        var linesPerSecond: Double
        var report: CompilationReport
        /// The least cosine of any text's embedding to that of the weights in the file.
        var cosine: Double?
    }

    /// The embeddings of the texts and the query with the weights as they are in the file.
    private func embedOriginal(
        _ texts: [(line: Int, text: String)], _ files: PretrainedFiles, _ tokenizer: WordPieceTokenizer,
        _ device: Device
    ) throws -> [Float] {
        let embedder = SentenceEmbedder(encoder: try SentenceEncoder(files), tokenizer: tokenizer, device: device)
        return try embedder.embed(texts.map(\.text), batchSize: batch) + embedder.embed([query])
    }

    private func search(
        _ texts: [(line: Int, text: String)], _ encoder: SentenceEncoder, _ tokenizer: WordPieceTokenizer,
        _ device: Device, _ compiler: CompilerOptions
    ) throws -> DeviceRun {
        let embedder = SentenceEmbedder(
            encoder: encoder, tokenizer: tokenizer, device: device, compiler: compiler)
        let clock = ContinuousClock()
        let compileStart = clock.now
        let report = try embedder.report(for: query)
        let compileSeconds = compileStart.duration(to: clock.now).seconds
        let progress = ProgressLine("\(device.id): embedding", total: texts.count)
        let linesStart = clock.now
        let embeddings = try embedder.embed(texts.map(\.text), batchSize: batch) { progress.update($0) }
        let lineSeconds = linesStart.duration(to: clock.now).seconds
        progress.finish()
        // The median of several runs; a slow device is asked once.
        var times: [Double] = []
        var vector: [Float] = []
        repeat {
            let start = clock.now
            vector = try embedder.embed([query])
            times.append(start.duration(to: clock.now).seconds)
        } while times.count < 9 && times.reduce(0, +) < 0.5
        return DeviceRun(
            device: device, embeddings: embeddings, query: vector,
            matches: nearest(to: vector, in: embeddings, texts: texts, count: top),
            compileSeconds: compileSeconds, querySeconds: times.sorted()[times.count / 2],
            linesPerSecond: Double(texts.count) / lineSeconds, report: report)
    }

    /// The largest difference of any embedding component between the runs on two devices.
    private func difference(_ a: DeviceRun, _ b: DeviceRun) -> Float {
        zip(a.embeddings + a.query, b.embeddings + b.query).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }

    // MARK: - Output

    private func printText(_ runs: [DeviceRun], lines: Int) {
        print("\(lines) lines of \(file), query: \(query)\n")
        for (rank, match) in runs[0].matches.enumerated() {
            print("\(rank + 1). \(String(format: "%.4f", match.similarity))  line \(match.line): \(match.text)")
        }
        print("")
        let width = max(6, runs.map(\.device.id.count).max() ?? 6)
        var columns = ["query ms", "lines/s", "compile ms", "largest difference to \(runs[0].device.id)"]
        if runs[0].cosine != nil { columns.append("least cosine to the file's weights") }
        print("\("device".padding(toLength: width, withPad: " ", startingAt: 0))  \(columns.joined(separator: "  "))")
        for run in runs {
            let name = run.device.id.padding(toLength: width, withPad: " ", startingAt: 0)
            var numbers = [
                String(format: "%8.2f", run.querySeconds * 1000), String(format: "%7.1f", run.linesPerSecond),
                String(format: "%10.1f", run.compileSeconds * 1000), String(format: "%.2e", difference(run, runs[0])),
            ]
            if let cosine = run.cosine {
                numbers[3] = numbers[3].padding(toLength: columns[3].count, withPad: " ", startingAt: 0)
                numbers.append(String(format: "%.6f", cosine))
            }
            print("\(name)  \(numbers.joined(separator: "  "))")
        }
        for run in runs where Set(run.matches.map(\.line)) != Set(runs[0].matches.map(\.line)) {
            print("\(run.device.id) finds other lines than \(runs[0].device.id)")
        }
        if report { for run in runs { print("\n\(run.report.text)") } }
    }

    private struct Document: Encodable {
        struct Entry: Encodable {
            var device: String
            var matches: [SearchMatch]
            var queryMilliseconds: Double
            var linesPerSecond: Double
            var compileMilliseconds: Double
            var largestDifference: Float
            /// With --weight-type: the least cosine of any text's embedding to that of the weights in the file.
            var leastCosine: Double?
            var report: CompilationReport?
        }
        var schema = 1
        var query: String
        var file: String
        var devices: [Entry]
    }

    private func printJSON(_ runs: [DeviceRun]) throws {
        let document = Document(
            query: query, file: file,
            devices: runs.map { run in
                .init(
                    device: run.device.id, matches: run.matches, queryMilliseconds: run.querySeconds * 1000,
                    linesPerSecond: run.linesPerSecond, compileMilliseconds: run.compileSeconds * 1000,
                    largestDifference: difference(run, runs[0]), leastCosine: run.cosine,
                    report: report ? run.report : nil)
            })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(document), as: UTF8.self))
    }
}

/// A line on standard error that counts up, shown only where that is a terminal and the work takes over a second.
private final class ProgressLine {
    private let title: String
    private let total: Int
    private let start = ContinuousClock.now
    private let isTerminal = isatty(STDERR_FILENO) != 0
    private var isShown = false

    init(_ title: String, total: Int) {
        self.title = title
        self.total = total
    }

    func update(_ done: Int) {
        guard isTerminal, start.duration(to: .now) > .seconds(1) else { return }
        isShown = true
        let filled = total > 0 ? 30 * done / total : 30
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
        FileHandle.standardError.write(Data("\r\(title) [\(bar)] \(done)/\(total)".utf8))
    }

    func finish() {
        if isShown { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
    }
}

extension Duration {
    fileprivate var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
