// Heterodyne: kernels that the tests run and validate.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneKernelIR

enum Examples {
    /// c = a + b over n elements.
    static func vectorAdd() throws -> Kernel {
        let k = KernelBuilder("vector_add", workgroup: [8])
        let a = k.buffer("a", .f32, .read)
        let b = k.buffer("b", .f32, .read)
        let c = k.buffer("c", .f32, .write)
        let n = k.pushConstant("n", .u32)
        let i = k.globalID(.x)
        k.if(i .< n) { c[i] = a[i] + b[i] }
        return try k.finish()
    }

    /// The sum of each workgroup's elements, by a tree in workgroup memory or by subgroups first.
    static func reduction(subgroups: Bool) throws -> Kernel {
        let k = KernelBuilder(subgroups ? "reduce_subgroups" : "reduce_tree", workgroup: [32])
        let input = k.buffer("input", .f32, .read)
        let output = k.buffer("output", .f32, .write)
        let n = k.pushConstant("n", .u32)
        let partial = k.workgroupArray("partial", .f32, count: 32)
        let (global, local) = (k.globalID(.x), k.builtin(.localIndex))
        let value = k.variable(k.constant(0.0, .f32))
        k.if(global .< n) { value.value = input[global] }
        if subgroups {
            let sum = k.subgroup(.add, value.value)
            let subgroup = k.builtin(.subgroupID)
            k.if(k.builtin(.subgroupLane) .== 0) { partial[subgroup] = sum }
            k.barrier()
            k.if(local .== 0) {
                let total = k.variable(k.constant(0.0, .f32))
                k.loop(from: k.constant(0, .u32), to: k.builtin(.subgroupCount)) { i in
                    total.value = total.value + partial[i]
                }
                output[k.workgroupID(.x)] = total.value
            }
        } else {
            partial[local] = value.value
            k.barrier()
            let width = k.variable(k.constant(16, .u32))
            k.while(width.value .> 0) {
                let half = width.value
                k.if(local .< half) { partial[local] = partial[local] + partial[local + half] }
                k.barrier()
                width.value = half >> 1
            }
            k.if(local .== 0) { output[k.workgroupID(.x)] = partial[local] }
        }
        return try k.finish()
    }

    /// c = a b for matrices of n x n, by tiles of 4 x 4 in workgroup memory; n is a multiple of 4.
    static func matrixProduct() throws -> Kernel {
        let k = KernelBuilder("matrix_product", workgroup: [4, 4])
        let a = k.buffer("a", .f32, .read)
        let b = k.buffer("b", .f32, .read)
        let c = k.buffer("c", .f32, .write)
        let n = k.pushConstant("n", .u32)
        let left = k.workgroupArray("left", .f32, count: 16)
        let right = k.workgroupArray("right", .f32, count: 16)
        let (x, y) = (k.localID(.x), k.localID(.y))
        let (column, row) = (k.globalID(.x), k.globalID(.y))
        let own = y * 4 + x
        let sum = k.variable(k.constant(0.0, .f32))
        k.loop(from: k.constant(0, .u32), to: n, step: 4) { start in
            left[own] = a[row * n + start + x]
            right[own] = b[(start + y) * n + column]
            k.barrier()
            for i in 0..<4 { sum.value = k.multiplyAdd(left[y * 4 + i], right[x + 4 * i], sum.value) }
            k.barrier()
        }
        c[row * n + column] = sum.value
        return try k.finish()
    }

    /// Inclusive prefix sums of each workgroup of 16 elements (Hillis and Steele).
    static func prefixSum() throws -> Kernel {
        let k = KernelBuilder("prefix_sum", workgroup: [16])
        let data = k.buffer("data", .i32, .readWrite)
        let sums = k.workgroupArray("sums", .i32, count: 16)
        let (global, local) = (k.globalID(.x), k.builtin(.localIndex))
        sums[local] = data[global]
        k.barrier()
        for distance in [1, 2, 4, 8] {
            let own = k.variable(sums[local])
            k.if(local .>= k.constant(distance, .u32)) { own.value = own.value + sums[local - distance] }
            k.barrier()
            sums[local] = own.value
            k.barrier()
        }
        data[global] = sums[local]
        return try k.finish()
    }

    /// Counts the low 3 bits of the elements, in workgroup memory first.
    static func histogram() throws -> Kernel {
        let k = KernelBuilder("histogram", workgroup: [8])
        k.specializeWorkgroup(.x, name: "width", id: 3)
        let input = k.buffer("input", .u32, .read)
        let counts = k.buffer("counts", .u32, .readWrite)
        let n = k.pushConstant("n", .u32)
        let bins = k.workgroupArray("bins", .u32, count: 8)
        let (global, local) = (k.globalID(.x), k.builtin(.localIndex))
        let one = k.constant(1, .u32)
        k.if(local .< k.constant(8, .u32)) { bins[local] = k.constant(0, .u32) }
        k.barrier()
        k.if(global .< n) { bins.atomic(.add, input[global] & 7, one) }
        k.barrier()
        k.if(local .< k.constant(8, .u32)) { counts.atomic(.add, local, bins[local]) }
        return try k.finish()
    }

    static func all() throws -> [Kernel] {
        [
            try vectorAdd(), try reduction(subgroups: false), try reduction(subgroups: true), try matrixProduct(),
            try prefixSum(), try histogram(),
        ]
    }
}

/// Arrays as bytes.
func bytes<T>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }
func array<T>(_ bytes: [UInt8]?, of type: T.Type) -> [T] {
    (bytes ?? []).withUnsafeBytes { raw in
        (0..<raw.count / MemoryLayout<T>.stride).map {
            raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.stride, as: T.self)
        }
    }
}
