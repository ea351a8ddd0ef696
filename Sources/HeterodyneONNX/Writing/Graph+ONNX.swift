// Heterodyne: graphs written as ONNX models.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

extension Graph {
    /// The graph as the bytes of an ONNX model, constants included.
    ///
    /// Inputs and outputs keep their names and symbols. Composites become ONNX operators where there is one of the same
    /// meaning, and their decompositions elsewhere; element types that ONNX Runtime has no kernels for are computed in
    /// wider ones with the same results. The same graph and options give the same bytes.
    ///
    /// - Throws: `notExpressible` for what ONNX has no way to say, naming the node; `unsupportedVersion` for an operator
    ///   set out of `ONNXWriteOptions.opsets`; `limitExceeded` for more than 2 GiB, which `writeONNX(to:)` can write.
    public func onnx(_ options: ONNXWriteOptions = ONNXWriteOptions()) throws(ONNXError) -> [UInt8] {
        var encoder = ModelEncoder()
        let message = try encoder.encode(try ModelEmitter.model(of: self, options))
        guard message.count < 1 << 31 else {
            throw ONNXError(
                .limitExceeded,
                "the model has \(message.count) bytes and one message of the format holds 2 GiB; write it to a file, "
                    + "with the constants beside it")
        }
        return message.contents()
    }

    /// Writes the graph as an ONNX model at `path`; see `onnx(_:)`.
    ///
    /// Where constants have more than `options.inlineLimit` bytes, the large ones go to `path` + `.data`, each at a multiple
    /// of 4096 bytes. Files are replaced whole.
    ///
    /// - Throws: what `onnx(_:)` throws, `inputOutput` or `accessDenied` where a file cannot be written.
    public func writeONNX(
        to path: String, options: ONNXWriteOptions = ONNXWriteOptions()
    ) throws(ONNXError) {
        let model = try ModelEmitter.model(of: self, options)
        var size = 0
        for constant in model.graph.initializers {
            let bytes: Int
            do throws(GraphError) { bytes = try constant.value.type.byteCount() } catch {
                throw ONNXError(.invalidTensor, error.message, path: path)
            }
            size += bytes
        }
        var encoder = ModelEncoder()
        if size > options.inlineLimit {
            let name = path.split(separator: "/", omittingEmptySubsequences: true).last.map(String.init) ?? path
            encoder = ModelEncoder(externalFile: name + ".data", externalMinimum: options.externalMinimum)
        }
        let message = try encoder.encode(model)
        guard message.count < 1 << 31 else {
            throw ONNXError(
                .limitExceeded, "the model has \(message.count) bytes without its external data, over 2 GiB", path: path
            )
        }
        do throws(ONNXError) {
            if !encoder.external.isEmpty {
                try OutgoingFile.write(to: path + ".data") { (file) throws(ONNXError) in
                    for tensor in encoder.external {
                        try tensor.storage.withBytes { (bytes) throws(ONNXError) in
                            try file.write(bytes, at: tensor.offset)
                        }
                    }
                }
            }
            try OutgoingFile.write(to: path) { (file) throws(ONNXError) in
                var offset = 0
                for piece in message.pieces {
                    switch piece {
                    case .bytes(let bytes):
                        let result: Result<Void, ONNXError> = bytes.withUnsafeBytes { buffer in
                            do throws(ONNXError) { return .success(try file.write(buffer, at: offset)) } catch {
                                return .failure(error)
                            }
                        }
                        try result.get()
                        offset += bytes.count
                    case .data(let storage):
                        try storage.withBytes { (bytes) throws(ONNXError) in try file.write(bytes, at: offset) }
                        offset += storage.bytes.count
                    }
                }
            }
        } catch {
            var named = error
            if named.path.isEmpty { named.path = path }
            throw named
        }
    }
}

/// A file that is written beside its place and put there when it is whole.
private struct OutgoingFile {
    let descriptor: Int32

    static func write(
        to path: String, _ body: (OutgoingFile) throws(ONNXError) -> Void
    ) throws(ONNXError) {
        let temporary = "\(path).\(getpid()).part"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("cannot be created", path) }
        var isOpen = true
        do throws(ONNXError) {
            try body(OutgoingFile(descriptor: descriptor))
            isOpen = false
            guard close(descriptor) == 0 else { throw failure("cannot be written", path) }
            guard rename(temporary, path) == 0 else { throw failure("cannot be replaced", path) }
        } catch {
            if isOpen { close(descriptor) }
            unlink(temporary)
            throw error
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(ONNXError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, offset + done)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("cannot be written", "") }
            done += count
        }
    }

    private static func failure(_ what: String, _ path: String) -> ONNXError {
        let code = errno
        let reason = String(cString: strerror(code))
        return ONNXError(code == EACCES ? .accessDenied : .inputOutput, "\(what): \(reason)", path: path)
    }
}
