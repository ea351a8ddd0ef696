// Heterodyne: where the pretrained model's files lie, and how they get there.
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Why the files of the pretrained model are not there.
public enum PretrainedFilesError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A folder was given and lacks a file.
    case missingFile(folder: String, name: String)
    /// The files are in no cache, and the script that fetches them was not found.
    case noFetchScript(folder: String)
    /// The script that fetches the files could not be started or failed.
    case fetchFailed(script: String, reason: String)
    /// Weights of one scalar type cannot be had in another.
    case unusableWeights(type: String, wanted: String)
    /// A file has other content than this model needs.
    case brokenFile(path: String, reason: String)

    /// The fault and what to do about it, in one line.
    public var description: String {
        switch self {
        case .missingFile(let folder, let name):
            "\(folder) has no \(name); scripts/fetch_weights prints a folder that is complete"
        case .noFetchScript(let folder):
            "the weights are not in \(folder); run scripts/fetch_weights in the repository or pass their folder"
        case .fetchFailed(let script, let reason):
            "\(script) could not fetch the weights: \(reason)"
        case .unusableWeights(let type, let wanted):
            "weights in \(type) cannot be had in \(wanted); there are float32, bfloat16 and float16"
        case .brokenFile(let path, let reason):
            "\(path): \(reason); scripts/fetch_weights prints a folder that is complete"
        }
    }
}

/// The files of all-MiniLM-L6-v2 in one folder.
public struct PretrainedFiles: Hashable, Sendable {
    /// The folder that holds them.
    public let folder: String

    /// The weights, in safetensors format.
    public var weights: String { path(of: "model.safetensors") }
    /// The tokenizer's vocabulary, one token per line.
    public var vocabulary: String { path(of: "vocab.txt") }
    /// The model's hyperparameters, in JSON.
    public var configuration: String { path(of: "config.json") }

    /// Takes a folder that has all the files.
    ///
    /// - Throws: ``PretrainedFilesError/missingFile(folder:name:)`` for the first that is missing.
    public init(folder: String) throws(PretrainedFilesError) {
        self.folder = folder
        for path in [weights, vocabulary, configuration] where !FileManager.default.fileExists(atPath: path) {
            throw .missingFile(folder: folder, name: URL(fileURLWithPath: path).lastPathComponent)
        }
    }

    /// The files in the cache, fetched by the repository's `scripts/fetch_weights` when they are absent.
    ///
    /// The cache is `$HETERODYNE_CACHE`, or `.cache` in the repository. The script's messages go to standard error.
    ///
    /// - Parameter repository: the root of the repository; by default the one that this executable was built in. The
    ///   current folder is not searched: a script that somebody left there must not be run.
    /// - Throws: ``PretrainedFilesError`` when they are absent and cannot be fetched.
    public static func cached(repository: String? = nil) throws(PretrainedFilesError) -> PretrainedFiles {
        let root = repository ?? repositoryOfExecutable()
        let cache: String
        if let variable = ProcessInfo.processInfo.environment["HETERODYNE_CACHE"], !variable.isEmpty {
            cache = variable
        } else {
            cache = (root ?? FileManager.default.currentDirectoryPath) + "/.cache"
        }
        let folder = cache + "/weights/all-MiniLM-L6-v2"
        if let files = try? PretrainedFiles(folder: folder) { return files }

        guard let root else { throw .noFetchScript(folder: folder) }
        let script = root + "/" + fetchScript
        let process = Process()
        process.executableURL = URL(fileURLWithPath: script)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.standardError
        do {
            try process.run()
        } catch {
            throw .fetchFailed(script: script, reason: error.localizedDescription)
        }
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw .fetchFailed(
                script: script, reason: "exit status \(process.terminationStatus), see its messages above")
        }
        return try PretrainedFiles(folder: folder)
    }

    private static let fetchScript = "scripts/fetch_weights"

    private static func repositoryOfExecutable() -> String? {
        var folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        while folder.path != "/" {
            if FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent(fetchScript).path) {
                return folder.path
            }
            folder.deleteLastPathComponent()
        }
        return nil
    }

    private func path(of name: String) -> String { folder + "/" + name }
}
