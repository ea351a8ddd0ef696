// Heterodyne: matrices of subgroups: what they compute, what is refused, and their SPIR-V.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR
import Testing

@Suite("Matrices of subgroups")
struct MatrixTests {
    /// c = 2 (a b) + c by tiles of 8 x 4 x 16, one subgroup for each; b goes through workgroup memory.
    static func gemm(
        _ operand: ScalarType, _ sum: ScalarType, m: Int, n: Int, k depth: Int, columnMajor: Bool = false
    ) throws -> Kernel {
        let (rows, columns, step) = (8, 4, 16)
        let k = KernelBuilder("gemm", workgroup: [8])
        let x = k.buffer("x", KernelType(operand), .read)
        let y = k.buffer("y", KernelType(operand), .read)
        let z = k.buffer("z", KernelType(sum), .readWrite)
        let tile = k.workgroupArray("tile", KernelType(operand), count: step * columns)
        let a = k.matrix(operand, rows: rows, columns: step, use: .a)
        let b = k.matrix(operand, rows: step, columns: columns, use: .b)
        let total = k.matrix(sum, rows: rows, columns: columns, use: .accumulator)
        let old = k.matrix(sum, rows: rows, columns: columns, use: .accumulator)
        func number(_ value: Int) -> KernelValue { k.constant(value, .u32) }
        let row = k.workgroupID(.y) * rows
        let column = k.workgroupID(.x) * columns
        total.fill(k.constant(0, KernelType(sum)))
        k.loop(from: number(0), to: number(depth), step: UInt32(step)) { start in
            k.barrier()
            for part in 0..<step * columns / 8 {
                let place = k.localID(.x) + part * 8
                tile[place] = y[(start + place / columns) * n + column + place % columns]
            }
            k.barrier()
            if columnMajor {
                a.load(x, start * m + row, stride: number(m), .columnMajor)
            } else {
                a.load(x, row * depth + start, stride: number(depth), .rowMajor)
            }
            b.load(tile, number(0), stride: number(columns), .rowMajor)
            total.multiplyAdd(a, b)
        }
        total.scale(k.constant(2, KernelType(sum)))
        old.load(z, row * n + column, stride: number(n), .rowMajor)
        total.add(old)
        total.store(z, row * n + column, stride: number(n), .rowMajor)
        return try k.finish()
    }

    @Test("Products of float16 in float32", arguments: [false, true])
    func floats(columnMajor: Bool) throws {
        let (m, n, depth) = (16, 8, 32)
        let kernel = try Self.gemm(.float16, .float32, m: m, n: n, k: depth, columnMajor: columnMajor)
        let x = (0..<m * depth).map { Float16(Double($0 * 7 % 31 - 15) / 8) }
        let y = (0..<depth * n).map { Float16(Double($0 * 5 % 23 - 11) / 4) }
        let z = (0..<m * n).map { Float($0) }
        var buffers = [0: bytes(x), 1: bytes(y), 2: bytes(z)]
        try KernelInterpreter(subgroupSize: 8).run(kernel, groups: [n / 4, m / 8], buffers: &buffers)
        let result = array(buffers[2], of: Float.self)
        for row in 0..<m {
            for column in 0..<n {
                var sum: Float = 0
                for k in 0..<depth {
                    sum += Float(columnMajor ? x[k * m + row] : x[row * depth + k]) * Float(y[k * n + column])
                }
                // All numbers are short: no sum rounds.
                #expect(result[row * n + column] == 2 * sum + z[row * n + column])
            }
        }
    }

    @Test("Products of int8 in int32")
    func integers() throws {
        let (m, n, depth) = (8, 4, 16)
        let kernel = try Self.gemm(.int8, .int32, m: m, n: n, k: depth)
        let x = (0..<m * depth).map { Int8(truncatingIfNeeded: $0 * 37) }
        let y = (0..<depth * n).map { Int8(truncatingIfNeeded: $0 * 91 + 5) }
        var buffers = [0: bytes(x), 1: bytes(y), 2: bytes([Int32](repeating: -3, count: m * n))]
        try KernelInterpreter().run(kernel, groups: [1, 1], buffers: &buffers)
        let result = array(buffers[2], of: Int32.self)
        for row in 0..<m {
            for column in 0..<n {
                let sum = (0..<depth).reduce(0) { $0 + Int(x[row * depth + $1]) * Int(y[$1 * n + column]) }
                #expect(Int(result[row * n + column]) == 2 * sum - 3)
            }
        }
    }

    @Test("Conversion and arrays of vectors")
    func conversion() throws {
        let k = KernelBuilder("narrow", workgroup: [8])
        let x = k.buffer("x", KernelType(.float32, 4), .read)
        let y = k.buffer("y", KernelType(.float16, 2), .write)
        let wide = k.matrix(.float32, rows: 4, columns: 8, use: .accumulator)
        let narrow = k.matrix(.float16, rows: 4, columns: 8, use: .accumulator)
        let zero = k.constant(0, .u32)
        wide.load(x, zero, stride: k.constant(2, .u32), .rowMajor)
        narrow.convert(wide)
        narrow.store(y, zero, stride: k.constant(4, .u32), .rowMajor)
        let kernel = try k.finish()
        let values = (0..<32).map { Float($0) * 1.0009765 }
        var buffers = [0: bytes(values), 1: [UInt8](repeating: 0, count: 64)]
        try KernelInterpreter().run(kernel, groups: [1], buffers: &buffers)
        #expect(array(buffers[1], of: Float16.self) == values.map { Float16($0) })
    }

    @Test("The dump names matrices and steps")
    func dump() throws {
        let text = "\(try Self.gemm(.float16, .float32, m: 8, n: 4, k: 16))"
        for line in [
            "matrix m0: a<f16, 8x16>", "matrix m1: b<f16, 16x4>", "matrix m2: accumulator<f32, 8x4>", "m2 = m0 m1 + m2",
            "m1 = load tile[", "row_major, m2",
        ] {
            #expect(text.contains(line), "\(line) in \(text)")
        }
    }

    @Test("Mistakes are refused")
    func mistakes() throws {
        func expectError(_ content: (KernelBuilder) -> Void) {
            let k = KernelBuilder("wrong", workgroup: [8])
            content(k)
            #expect(throws: KernelError.self) { try k.finish() }
        }
        expectError { _ = $0.matrix(.bfloat16, rows: 8, columns: 8, use: .a) }
        expectError { _ = $0.matrix(.float16, rows: 0, columns: 8, use: .a) }
        expectError { $0.matrix(.float16, rows: 8, columns: 8, use: .a).fill($0.constant(0.0, .f32)) }
        expectError {
            let a = $0.matrix(.float16, rows: 8, columns: 8, use: .a)
            let sum = $0.matrix(.float32, rows: 8, columns: 8, use: .accumulator)
            sum.multiplyAdd(a, a)
        }
        expectError {
            let a = $0.matrix(.float16, rows: 8, columns: 4, use: .a)
            let b = $0.matrix(.float16, rows: 8, columns: 8, use: .b)
            let sum = $0.matrix(.float32, rows: 8, columns: 8, use: .accumulator)
            sum.multiplyAdd(a, b)
        }
        expectError {
            let x = $0.buffer("x", .f32, .read)
            let a = $0.matrix(.float16, rows: 8, columns: 8, use: .a)
            a.load(x, $0.constant(0, .u32), stride: $0.constant(8, .u32), .rowMajor)
        }
        expectError {
            let x = $0.buffer("x", .f16, .read)
            let a = $0.matrix(.float16, rows: 8, columns: 8, use: .a)
            a.store(x, $0.constant(0, .u32), stride: $0.constant(8, .u32), .rowMajor)
        }
        // Not every invocation arrives.
        expectError { k in
            let a = k.matrix(.float32, rows: 8, columns: 8, use: .a)
            k.if(k.localID(.x) .< 3) { a.fill(k.constant(0.0, .f32)) }
        }
    }

    @Test("Undefined behaviour is an error in the interpreter")
    func undefined() throws {
        func run(_ subgroupSize: Int, _ content: (KernelBuilder, MemoryArray) -> Void) throws {
            let k = KernelBuilder("undefined", workgroup: [8])
            let x = k.buffer("x", .f32, .readWrite)
            content(k, x)
            let kernel = try k.finish()
            var buffers = [0: [UInt8](repeating: 0, count: 256)]
            try KernelInterpreter(subgroupSize: subgroupSize).run(kernel, groups: [1], buffers: &buffers)
        }
        func square(_ k: KernelBuilder) -> KernelMatrix { k.matrix(.float32, rows: 8, columns: 8, use: .accumulator) }
        // Never assigned, an index that differs within the subgroup, beyond the buffer, subgroups that are not full.
        #expect(throws: KernelError.self) {
            try run(8) { square($0).store($1, $0.constant(0, .u32), stride: $0.constant(8, .u32), .rowMajor) }
        }
        #expect(throws: KernelError.self) {
            try run(8) { square($0).load($1, $0.localID(.x), stride: $0.constant(8, .u32), .rowMajor) }
        }
        #expect(throws: KernelError.self) {
            try run(8) { square($0).load($1, $0.constant(1, .u32), stride: $0.constant(8, .u32), .rowMajor) }
        }
        #expect(throws: KernelError.self) { try run(16) { k, _ in square(k).fill(k.constant(1.0, .f32)) } }
        try run(8) { square($0).load($1, $0.constant(0, .u32), stride: $0.constant(8, .u32), .rowMajor) }
    }

    /// The instructions of a module: opcode and operands.
    private func instructions(_ module: SPIRVModule) -> [(UInt32, [UInt32])] {
        var result: [(UInt32, [UInt32])] = []
        var position = 5
        while position < module.words.count {
            let count = Int(module.words[position] >> 16)
            result.append((module.words[position] & 0xffff, Array(module.words[position + 1..<position + count])))
            position += count
        }
        return result
    }

    /// The spirv-val of Debian 12 is older than the extension, so the words are compared with what the registry's text
    /// of SPV_KHR_cooperative_matrix (revision 10) demands.
    @Test("SPIR-V", arguments: SPIRVOptions.Version.allCases, SPIRVOptions.Memory.allCases)
    func spirv(version: SPIRVOptions.Version, memory: SPIRVOptions.Memory) throws {
        let kernel = try Self.gemm(.int8, .int32, m: 8, n: 4, k: 16)
        let module = try kernel.spirv(SPIRVOptions(version: version, memory: memory))
        let code = instructions(module)
        func all(_ opcode: UInt32) -> [[UInt32]] { code.filter { $0.0 == opcode }.map(\.1) }
        #expect(module.capabilities.contains("CooperativeMatrixKHR"))
        #expect(all(17).contains([6022]) && all(17).contains([5345]), "capabilities of the matrices and of their model")
        #expect(module.extensions.contains("SPV_KHR_cooperative_matrix"))
        #expect(module.extensions.contains("SPV_KHR_vulkan_memory_model") == (version < .v15))
        #expect(all(14).first?[1] == 3, "the Vulkan memory model")
        /// The values of 32-bit constants by id.
        var constants: [UInt32: UInt32] = [:]
        for operands in all(43) { constants[operands[1]] = operands[2] }
        let types = all(4456).map { $0.dropFirst(2).map { constants[$0] } }
        #expect(types.count == 3)
        // Scope 3 is the subgroup; uses are A (0), B (1), accumulator (2).
        #expect(types.contains([3, 8, 16, 0]) && types.contains([3, 16, 4, 1]) && types.contains([3, 8, 4, 2]))
        // Result type, result, pointer, layout, stride, memory operands: non-private, aligned through addresses.
        let loads = all(4457)
        #expect(loads.count == 3 && loads.allSatisfy { $0.count >= 6 && constants[$0[3]] == 0 })
        #expect(loads.allSatisfy { $0[5] & 0x20 != 0 })
        let isAligned = loads.map { $0[5] & 2 != 0 && $0.count == 7 }
        #expect(isAligned == (memory == .addresses ? [true, false, true] : [false, false, false]))
        #expect(all(4458).count == 1 && all(4458).allSatisfy { constants[$0[2]] == 0 && $0.count >= 5 })
        // All four matrices are signed.
        #expect(all(4459).map { Array($0.dropFirst(5)) } == [[15]])
        let ids = Set(all(4456).map { $0[0] })
        #expect(all(143).allSatisfy { ids.contains($0[0]) } && all(143).count == 1, "OpMatrixTimesScalar")
        // Barriers make what was written available and visible.
        #expect(all(224).allSatisfy { constants[$0[2]].map { $0 & 0x6000 == 0x6000 } ?? false } && !all(224).isEmpty)
        #expect(module.text.contains("OpCooperativeMatrixMulAddKHR"))
        #expect(!module.text.contains("unknown instruction"))
    }

    @Test("Float products carry no signs, and devices without the extension refuse the kernel")
    func missing() throws {
        let kernel = try Self.gemm(.float16, .float32, m: 8, n: 4, k: 16)
        let module = try kernel.spirv()
        #expect(instructions(module).filter { $0.0 == 4459 }.allSatisfy { $0.1.count == 5 })
        let options = SPIRVOptions(capabilities: ["Shader", "Float16", "StorageBuffer16BitAccess"])
        #expect(throws: KernelError.self) { try kernel.spirv(options) }
    }
}
