// Heterodyne: reading and writing npz archives.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Named arrays in NumPy's npz format: a zip archive of npy files, stored (`numpy.savez`) or deflated
/// (`numpy.savez_compressed`).
///
/// Opening reads the directory; each array is read, and its checksum verified, when it is taken. Stored arrays whose data
/// happens to be aligned (always, in archives that this module writes) point into the mapped file, others are copied or
/// decompressed.
public struct NpzFile: WeightSource {
    /// The file.
    public let file: MappedFile
    /// The names, without `.npy`, in the order of the archive.
    public let names: [String]
    /// Members that are not arrays and are left alone.
    public let otherMembers: [String]
    private let members: [String: ZipArchive.Member]
    private let maximumInflatedByteCount: Int

    /// Opens the archive at `path`. An array that would decompress to more than `maximumInflatedByteCount` bytes is
    /// refused with `limitExceeded` when it is taken: deflate makes up to 1032 bytes out of one, so that a small hostile
    /// file could take all memory. PyTorch checkpoints, which are zip archives too, throw `pickle`.
    public init(
        path: String, access: MappedFile.Access = .mapped, maximumInflatedByteCount: Int = 1 << 32
    ) throws(WeightsError) {
        try self.init(MappedFile(path: path, access: access), maximumInflatedByteCount: maximumInflatedByteCount)
    }

    /// Reads the directory of an open archive.
    public init(_ file: MappedFile, maximumInflatedByteCount: Int = 1 << 32) throws(WeightsError) {
        defer { withExtendedLifetime(file) {} }
        self.file = file
        self.maximumInflatedByteCount = maximumInflatedByteCount
        switch FileFormat.identify(file.bytes) {
        case .zip: break
        case .torchZip: throw FileFormat.pickle(path: file.path)
        default:
            throw FileFormat.refusal(file.bytes, path: file.path, expected: "npz")
                ?? WeightsError(
                    file.bytes.isEmpty ? .truncated : .wrongFormat,
                    "is not an npz archive: it does not begin like a zip file", path: file.path)
        }
        var names: [String] = []
        var others: [String] = []
        var members: [String: ZipArchive.Member] = [:]
        var seen: Set<String> = []
        for member in try ZipArchive(file).members {
            guard seen.insert(member.name).inserted else {
                throw WeightsError(
                    .duplicateName, "has two members called \(quoted(member.name))", path: file.path)
            }
            if member.name == "data.pkl" || member.name.hasSuffix("/data.pkl") {
                throw FileFormat.pickle(path: file.path)
            }
            guard member.name.hasSuffix(".npy") else {
                others.append(member.name)
                continue
            }
            let name = String(member.name.dropLast(4))
            names.append(name)
            members[name] = member
        }
        self.names = names
        self.members = members
        otherMembers = others
    }

    /// Whether there is an array of that name.
    public func contains(_ name: String) -> Bool { members[name] != nil }

    /// Element type and shape of an array. Throws `missingTensor`, or what `NpyFile.read` does about the header.
    public func tensorType(named name: String) throws(WeightsError) -> TensorType {
        let member = try member(name)
        return try array(member, rawType: nil, name).type
    }

    /// An array. Throws `missingTensor`, `corruptData` where checksum or compression are wrong, `limitExceeded`, or what
    /// `NpyFile.read` does.
    public func tensor(named name: String) throws(WeightsError) -> Literal { try tensor(named: name, rawType: nil) }

    /// An array whose raw elements are of `rawType` (see `NpyFile.read`).
    public func tensor(named name: String, rawType: ScalarType?) throws(WeightsError) -> Literal {
        let member = try member(name)
        // The header first: a shape that does not fit is found before anything large is decompressed.
        let array = try array(member, rawType: rawType, name)
        let data = UnsafeRawBufferPointer(rebasing: file.bytes[member.range])
        guard member.isDeflated else {
            try checkSum(data, member, name)
            return try array.literal(data, owner: file)
        }
        let memory = InflatedMember(byteCount: member.byteCount)
        defer { withExtendedLifetime(memory) {} }
        do throws(Inflate.Failure) { try Inflate.decompress(data, into: memory.bytes) } catch {
            throw weightsError(error, name)
        }
        try checkSum(UnsafeRawBufferPointer(memory.bytes), member, name)
        return try array.literal(UnsafeRawBufferPointer(memory.bytes), owner: memory)
    }

    /// All arrays, in the order of the archive.
    public func tensors() throws(WeightsError) -> [(name: String, tensor: Literal)] {
        var result: [(name: String, tensor: Literal)] = []
        for name in names { result.append((name, try tensor(named: name))) }
        return result
    }

    private func member(_ name: String) throws(WeightsError) -> ZipArchive.Member {
        guard let member = members[name] else { throw missingTensor(name, among: names, path: file.path) }
        return member
    }

    private func array(
        _ member: ZipArchive.Member, rawType: ScalarType?, _ name: String
    ) throws(WeightsError) -> NpyArray {
        let data = UnsafeRawBufferPointer(rebasing: file.bytes[member.range])
        guard member.isDeflated else { return try NpyArray(data, rawType: rawType, path: file.path, tensor: name) }
        guard member.byteCount <= maximumInflatedByteCount else {
            throw WeightsError(
                .limitExceeded,
                "decompresses to \(member.byteCount) bytes; the limit is \(maximumInflatedByteCount), which "
                    + "maximumInflatedByteCount raises", path: file.path, tensor: name)
        }
        let prefix = InflatedMember(byteCount: min(member.byteCount, NpyHeader.maximumPrefix))
        defer { withExtendedLifetime(prefix) {} }
        let count: Int
        do throws(Inflate.Failure) { count = try Inflate.decompressPrefix(data, into: prefix.bytes) } catch {
            throw weightsError(error, name)
        }
        return try NpyArray(
            UnsafeRawBufferPointer(rebasing: prefix.bytes[0..<count]), totalCount: member.byteCount, rawType: rawType,
            path: file.path, tensor: name)
    }

    private func checkSum(
        _ bytes: UnsafeRawBufferPointer, _ member: ZipArchive.Member, _ name: String
    ) throws(WeightsError) {
        guard CRC32.checksum(bytes) == member.checksum else {
            throw WeightsError(
                .corruptData, "does not match its checksum; the file is damaged", path: file.path, tensor: name)
        }
    }

    private func weightsError(_ failure: Inflate.Failure, _ name: String) -> WeightsError {
        let message =
            switch failure {
            case .truncated: "ends within its compressed data"
            case .malformed(let message): "\(message); its compressed data is damaged"
            case .outputOverflow: "decompresses to more bytes than the archive says"
            }
        return WeightsError(.corruptData, message, path: file.path, tensor: name)
    }

    /// Writes an archive of stored (uncompressed) arrays, in the given order, as `numpy.savez` does, with the data of each
    /// aligned, and puts it at `path` in one step. Element types are those of `NpyFile.storedType(of:)`. Throws
    /// `duplicateName`, or `invalidArgument` for symbolic shapes.
    public static func write(_ tensors: [(name: String, tensor: Literal)], to path: String) throws(WeightsError) {
        try write(tensors, to: path, zip64Threshold: Int(UInt32.max))
    }

    static func write(
        _ tensors: [(name: String, tensor: Literal)], to path: String, zip64Threshold: Int
    ) throws(WeightsError) {
        var seen: Set<String> = []
        let file = try AtomicFile(replacing: path)
        var zip = ZipWriter(file, zip64Threshold: zip64Threshold)
        for (name, tensor) in tensors {
            guard seen.insert(name).inserted else {
                throw WeightsError(.duplicateName, "is given twice", path: path, tensor: name)
            }
            let encoder = try NpyEncoder(tensor, path: path, tensor: name)
            var checksum = CRC32()
            encoder.header.withUnsafeBytes { checksum.update($0) }
            try encoder.writer.forEachPiece { (bytes) throws(WeightsError) in checksum.update(bytes) }
            try zip.beginMember(
                name + ".npy", byteCount: encoder.header.count + encoder.writer.byteCount, checksum: checksum.value,
                path: path)
            try file.write(encoder.header)
            try encoder.writer.forEachPiece { (bytes) throws(WeightsError) in try file.write(bytes) }
        }
        try zip.finish()
        try file.commit()
    }
}

/// Memory that decompressed data lives in. Large sizes cost nothing until they are written.
private final class InflatedMember {
    let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int) { bytes = .allocate(byteCount: max(byteCount, 1), alignment: 64).prefixed(byteCount) }

    deinit { bytes.deallocate() }
}

extension UnsafeMutableRawBufferPointer {
    /// The first `count` bytes.
    fileprivate func prefixed(_ count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: self[0..<count])
    }
}
