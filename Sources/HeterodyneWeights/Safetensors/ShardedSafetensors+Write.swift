// Heterodyne: writing checkpoints as several safetensors files.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph
import HeterodyneJSON

extension ShardedSafetensors {
    /// Writes `model-00001-of-0000N.safetensors` … and the index into an existing directory, in the order of `tensors`, at
    /// most `maximumShardByteCount` of data per file (a larger tensor gets a file of its own).
    ///
    /// The index is written last, so that it never names a file that is not there. Throws what `SafetensorsFile.write` does.
    public static func write(
        _ tensors: [(name: String, tensor: Literal)], metadata: [String: String] = [:], to directory: String,
        maximumShardByteCount: Int = 5_000_000_000
    ) throws(WeightsError) {
        guard isDirectory(directory) else {
            throw WeightsError(.fileNotFound, "is not a directory; create it first", path: directory)
        }
        var names: Set<String> = []
        var shards: [[(name: String, tensor: Literal)]] = [[]]
        var total = 0
        var used = 0
        for (name, tensor) in tensors {
            guard names.insert(name).inserted else {
                throw WeightsError(.duplicateName, "is given twice", path: directory, tensor: name)
            }
            let count = try LiteralWriter(tensor, path: directory, tensor: name).byteCount
            // One tensor is at most 2^46 bytes, so that only an absurd list can overflow here.
            guard let sum = total.adding(count) else {
                throw WeightsError(.limitExceeded, "the tensors are too large to be added up", path: directory)
            }
            total = sum
            if let last = shards.last, !last.isEmpty, used + count > maximumShardByteCount {
                shards.append([])
                used = 0
            }
            shards[shards.count - 1].append((name, tensor))
            used += count
        }
        guard shards.count <= min(maximumShardCount, 99_999) else {
            throw WeightsError(
                .limitExceeded, "needs \(shards.count) files; give a larger maximumShardByteCount", path: directory)
        }
        let folder = directory.hasSuffix("/") ? directory : directory + "/"
        var fileOfName: [String: String] = [:]
        for (index, shard) in shards.enumerated() {
            let fileName = "model-\(fiveDigits(index + 1))-of-\(fiveDigits(shards.count)).safetensors"
            try SafetensorsFile.write(shard, metadata: metadata, to: folder + fileName)
            for (name, _) in shard { fileOfName[name] = fileName }
        }
        var text = Array("{\"metadata\":{\"total_size\":\(total)},\"weight_map\":".utf8)
        JSONWriter.appendObject(fileOfName, to: &text)
        text += Array("}\n".utf8)
        let file = try AtomicFile(replacing: folder + indexFileName)
        try file.write(text)
        try file.commit()
    }

    private static func fiveDigits(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
