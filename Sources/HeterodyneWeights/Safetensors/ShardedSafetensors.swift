// Heterodyne: checkpoints that are spread over several safetensors files.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph
import HeterodyneJSON

/// A checkpoint in one or several safetensors files, as model hubs publish them: an index
/// `{"metadata": {"total_size": bytes}, "weight_map": {tensor name: file name}}` beside the files that it names.
///
/// Files are named by their plain file name, in the directory of the index; anything else (a path, `..`) is refused, since
/// an index comes from elsewhere. (A shard may be a symbolic link, which is how the hubs' caches store them.) All headers
/// are read and checked when the checkpoint is opened.
public struct ShardedSafetensors: WeightSource {
    /// The files, sorted by name.
    public let shards: [SafetensorsFile]
    /// What the index claims the data of all tensors to add up to, in bytes. Not checked: published indexes are often off.
    public let claimedByteCount: Int?
    /// The names that the index has, or all names of the only file.
    public let names: [String]
    private let shardOfName: [String: Int]
    private let path: String

    /// The usual name of the index.
    public static let indexFileName = "model.safetensors.index.json"
    /// The usual name of a checkpoint in one file.
    public static let singleFileName = "model.safetensors"
    /// Most files of one checkpoint.
    static let maximumShardCount = 10_000

    /// Opens a checkpoint. `path` is an index (`….json`), one safetensors file, or a directory that holds
    /// `model.safetensors.index.json`, `model.safetensors`, or exactly one other `.safetensors` file or index.
    public init(path: String, access: MappedFile.Access = .mapped) throws(WeightsError) {
        let path = isDirectory(path) ? try Self.entryPoint(of: path) : path
        self.path = path
        guard path.hasSuffix(".json") else {
            let file = try SafetensorsFile(path: path, access: access)
            shards = [file]
            names = file.names
            claimedByteCount = nil
            shardOfName = Dictionary(uniqueKeysWithValues: file.names.map { ($0, 0) })
            return
        }
        let index = try SafetensorsIndex(MappedFile(path: path, access: .copied))
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        let fileNames = Set(index.fileOfName.values).sorted()
        var shards: [SafetensorsFile] = []
        var shardOfFile: [String: Int] = [:]
        for fileName in fileNames {
            guard fileExists(folder + fileName) else {
                throw WeightsError(
                    .invalidIndex, "names the shard \(quoted(fileName)), which is not beside it; download all shards",
                    path: path)
            }
            shardOfFile[fileName] = shards.count
            shards.append(try SafetensorsFile(path: folder + fileName, access: access))
        }
        var shardOfName: [String: Int] = [:]
        for (name, fileName) in index.fileOfName {
            guard let shard = shardOfFile[fileName], shards[shard].contains(name) else {
                throw WeightsError(
                    .invalidIndex, "is said to be in \(quoted(fileName)), which does not have it", path: path,
                    tensor: name)
            }
            shardOfName[name] = shard
        }
        self.shards = shards
        self.shardOfName = shardOfName
        claimedByteCount = index.claimedByteCount
        // The order of the data, file by file: whoever reads all tensors in this order reads sequentially.
        var names: [String] = []
        for (shard, file) in shards.enumerated() { names += file.names.filter { shardOfName[$0] == shard } }
        self.names = names
    }

    /// Whether there is a tensor of that name.
    public func contains(_ name: String) -> Bool { shardOfName[name] != nil }

    /// Element type and shape of a tensor. Throws what `SafetensorsFile.tensorType(named:)` does.
    public func tensorType(named name: String) throws(WeightsError) -> TensorType {
        try shard(of: name).tensorType(named: name)
    }

    /// A tensor. Throws what `SafetensorsFile.tensor(named:)` does.
    public func tensor(named name: String) throws(WeightsError) -> Literal { try shard(of: name).tensor(named: name) }

    /// The file that holds a tensor, for instance to release its pages. Throws `missingTensor`.
    public func shard(of name: String) throws(WeightsError) -> SafetensorsFile {
        guard let shard = shardOfName[name] else { throw missingTensor(name, among: names, path: path) }
        return shards[shard]
    }

    private static func entryPoint(of directory: String) throws(WeightsError) -> String {
        let folder = directory.hasSuffix("/") ? directory : directory + "/"
        for name in [indexFileName, singleFileName] where fileExists(folder + name) { return folder + name }
        let entries = try directoryEntries(directory)
        let indexes = entries.filter { $0.hasSuffix(".safetensors.index.json") }
        let files = entries.filter { $0.hasSuffix(".safetensors") }
        if indexes.count == 1 { return folder + indexes[0] }
        if indexes.isEmpty, files.count == 1 { return folder + files[0] }
        if files.isEmpty, let pickled = entries.first(where: { $0.hasSuffix(".bin") || $0.hasSuffix(".pt") }) {
            throw FileFormat.pickle(path: folder + pickled)
        }
        let problem = files.isEmpty ? "has no safetensors file" : "has \(files.count) safetensors files and no index"
        throw WeightsError(.fileNotFound, "\(problem); give the path of the file or of the index", path: directory)
    }
}

/// The contents of an index file.
struct SafetensorsIndex {
    private(set) var fileOfName: [String: String] = [:]
    private(set) var claimedByteCount: Int?

    init(_ file: MappedFile) throws(WeightsError) {
        defer { withExtendedLifetime(file) {} }
        let path = file.path
        guard file.bytes.count <= SafetensorsHeader.maximumByteCount else {
            throw WeightsError(
                .limitExceeded, "has \(file.bytes.count) bytes; the limit is \(SafetensorsHeader.maximumByteCount)",
                path: path)
        }
        var reader = JSONReader<WeightsError>(file.bytes, path: path)
        var keys: Set<String> = []
        try reader.object { (reader, key) throws(WeightsError) in
            guard keys.insert(key).inserted else {
                throw WeightsError(.duplicateName, "has two entries \(quoted(key))", path: path)
            }
            guard keys.count <= 1000 else {
                throw WeightsError(.limitExceeded, "has more than 1000 top-level entries", path: path)
            }
            switch key {
            case "weight_map": try readMap(&reader, path: path)
            case "metadata": try readMetadata(&reader)
            default: try reader.skipValue(depth: 1)
            }
        }
        try reader.expectEnd()
        guard keys.contains("weight_map") else {
            throw WeightsError(.malformedHeader, "has no weight_map; it is not an index of safetensors", path: path)
        }
        guard Set(fileOfName.values).count <= ShardedSafetensors.maximumShardCount else {
            throw WeightsError(
                .limitExceeded, "names more than \(ShardedSafetensors.maximumShardCount) files", path: path)
        }
    }

    private mutating func readMap(_ reader: inout JSONReader<WeightsError>, path: String) throws(WeightsError) {
        try reader.object { (reader, name) throws(WeightsError) in
            let fileName = try reader.string()
            try Self.checkFileName(fileName, path: path, tensor: name)
            guard fileOfName.updateValue(fileName, forKey: name) == nil else {
                throw WeightsError(.duplicateName, "occurs twice in the weight_map", path: path, tensor: name)
            }
            guard fileOfName.count <= SafetensorsHeader.maximumTensorCount else {
                throw WeightsError(
                    .limitExceeded, "has more than \(SafetensorsHeader.maximumTensorCount) tensors", path: path)
            }
        }
    }

    private mutating func readMetadata(_ reader: inout JSONReader<WeightsError>) throws(WeightsError) {
        if reader.null() { return }
        try reader.object { (reader, key) throws(WeightsError) in
            // Some writers put the size as text or as a float; it is only information.
            let isDigit = reader.peek().map { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") } ?? false
            if key == "total_size", isDigit {
                var attempt = reader
                claimedByteCount = try? attempt.naturalNumber(overflow: .limitExceeded)
            }
            try reader.skipValue(depth: 2)
        }
    }

    private static func checkFileName(_ name: String, path: String, tensor: String) throws(WeightsError) {
        guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(0)
        else {
            throw WeightsError(
                .invalidIndex,
                "is mapped to \(quoted(name)); a shard is named by a plain file name in the index's directory",
                path: path, tensor: tensor)
        }
        if name.hasSuffix(".bin") || name.hasSuffix(".pt") { throw FileFormat.pickle(path: path, tensor: tensor) }
    }
}
