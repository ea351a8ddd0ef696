// Heterodyne: one workgroup at a time; statements and operations.
// SPDX-License-Identifier: Apache-2.0

/// The state of a workgroup. Values are kept lane after lane, component after component.
final class WorkgroupMachine {
    let kernel: Kernel
    let interpreter: KernelInterpreter
    let size: [Int]
    let count: [Int]
    let lanes: Int
    let pushConstants: [UInt64]
    let specializations: [UInt64]
    var buffers: [Int: [UInt8]]
    var group = [0, 0, 0]
    var values: [[UInt64]]
    var variables: [[UInt64]]
    /// For each matrix and subgroup: the elements, row after row; none before the first assignment.
    var matrices: [[[UInt64]]]
    var shared: [SharedArray] = []
    /// The invocations that run now, ascending.
    var active: [Int]
    /// How many barriers have passed.
    var epoch = 0
    var steps = 0

    init(
        kernel: Kernel, interpreter: KernelInterpreter, size: [Int], count: [Int], buffers: [Int: [UInt8]],
        pushConstants: [UInt64], specializations: [UInt64]
    ) {
        self.kernel = kernel
        self.interpreter = interpreter
        self.size = size
        self.count = count
        self.buffers = buffers
        self.pushConstants = pushConstants
        self.specializations = specializations
        let lanes = size.reduce(1, *)
        self.lanes = lanes
        values = kernel.types.map { [UInt64](repeating: 0, count: lanes * $0.width) }
        variables = kernel.variables.map { [UInt64](repeating: 0, count: lanes * $0.width) }
        let subgroups = (lanes + interpreter.subgroupSize - 1) / interpreter.subgroupSize
        matrices = kernel.matrices.map { _ in [[UInt64]](repeating: [], count: subgroups) }
        active = Array(0..<lanes)
    }

    func run(_ group: [Int]) throws(KernelError) {
        self.group = group
        epoch = 0
        for index in matrices.indices { for part in matrices[index].indices { matrices[index][part] = [] } }
        shared = kernel.workgroupArrays.map { SharedArray(name: $0.name, width: $0.element.width, count: $0.count) }
        active = Array(0..<lanes)
        try block(kernel.body)
    }

    func block(_ statements: [Statement]) throws(KernelError) {
        for statement in statements {
            steps += active.count
            guard steps <= interpreter.budget else {
                throw .evaluation("\(kernel.name) takes more than \(interpreter.budget) steps")
            }
            switch statement {
            case .define(let id, let operation, _):
                values[id.index] = try evaluate(operation, kernel.types[id.index], values[id.index])
            case .store(let place, let value): try store(place, value)
            case .barrier:
                guard active.count == lanes else {
                    throw .undefinedBehaviour("\(active.count) of \(lanes) invocations reach a barrier")
                }
                epoch += 1
            case .conditional(let condition, let then, let otherwise):
                let (all, test) = (active, values[condition.index])
                active = all.filter { test[$0] != 0 }
                if !active.isEmpty { try block(then) }
                active = all.filter { test[$0] == 0 }
                if !active.isEmpty { try block(otherwise) }
                active = all
            case .matrix(let step): try matrix(step)
            case .loop(let counter, let from, let to, let step, let body):
                try loop(counter, from, to, UInt64(step), body)
            case .whileLoop(let before, let condition, let body):
                let all = active
                while true {
                    try block(before)
                    let test = values[condition.index]
                    active = active.filter { test[$0] != 0 }
                    if active.isEmpty { break }
                    try block(body)
                }
                active = all
            }
        }
    }

    private func loop(
        _ counter: ValueID, _ from: ValueID, _ to: ValueID, _ step: UInt64, _ body: [Statement]
    ) throws(KernelError) {
        let type = kernel.types[counter.index]
        let less = Scalars.compare(.less, type.scalar)
        let (all, bound, start) = (active, values[to.index], values[from.index])
        for lane in all { values[counter.index][lane] = start[lane] }
        while true {
            steps += active.count
            active = active.filter { less(values[counter.index][$0], bound[$0]) }
            if active.isEmpty { break }
            try block(body)
            for lane in active {
                let old = values[counter.index][lane]
                let new = (old &+ step) & Literal.mask(type.bits)
                guard less(old, new) else { throw .undefinedBehaviour("the counter \(counter) overflows") }
                values[counter.index][lane] = new
            }
        }
        active = all
    }

    /// The values of an operation in the active lanes; others keep what they had.
    private func evaluate(
        _ operation: Operation, _ type: KernelType, _ old: [UInt64]
    ) throws(KernelError) -> [UInt64] {
        var result = old
        let width = type.width
        switch operation {
        case .constant(let bits):
            for lane in active { for part in 0..<width { result[lane * width + part] = bits[part] } }
        case .builtin(let builtin): for lane in active { result[lane] = UInt64(self.builtin(builtin, lane)) }
        case .pushConstant(let index):
            let bits = pushConstants[index]
            for lane in active {
                result[lane * width] = width == 1 ? bits : bits & 0xffff_ffff
                if width == 2 { result[lane * width + 1] = bits >> 32 }
            }
        case .specialization(let index): for lane in active { result[lane] = specializations[index] }
        case .unary(let unary, let a):
            let (x, function) = (values[a.index], self.unary(unary, kernel.types[a.index].scalar))
            for lane in active { for i in lane * width..<(lane + 1) * width { result[i] = function(x[i]) } }
        case .binary(let binary, let a, let b):
            let (x, y) = (values[a.index], values[b.index])
            let function = self.binary(binary, type.scalar)
            for lane in active { for i in lane * width..<(lane + 1) * width { result[i] = try function(x[i], y[i]) } }
        case .compare(let comparison, let a, let b):
            let (x, y) = (values[a.index], values[b.index])
            let function = self.compare(comparison, kernel.types[a.index].scalar)
            for lane in active {
                for i in lane * width..<(lane + 1) * width { result[i] = function(x[i], y[i]) ? 1 : 0 }
            }
        case .select(let condition, let a, let b):
            let (test, x, y) = (values[condition.index], values[a.index], values[b.index])
            let isWide = kernel.types[condition.index].width == width
            for lane in active {
                for part in 0..<width {
                    let i = lane * width + part
                    result[i] = test[isWide ? i : lane] != 0 ? x[i] : y[i]
                }
            }
        case .multiplyAdd(let a, let b, let c):
            let (x, y, z) = (values[a.index], values[b.index], values[c.index])
            let function = multiplyAdd(type.scalar)
            for lane in active { for i in lane * width..<(lane + 1) * width { result[i] = function(x[i], y[i], z[i]) } }
        case .convert(let a):
            let (x, from) = (values[a.index], kernel.types[a.index].scalar)
            for lane in active {
                for i in lane * width..<(lane + 1) * width { result[i] = try convert(x[i], from, type.scalar) }
            }
        case .bitcast(let a): bitcast(a, type, &result)
        case .construct(let parts):
            for lane in active {
                for (part, id) in parts.enumerated() { result[lane * width + part] = values[id.index][lane] }
            }
        case .extract(let a, let index):
            let (x, from) = (values[a.index], kernel.types[a.index].width)
            for lane in active { result[lane] = x[lane * from + index] }
        case .load(let place): try load(place, type, &result)
        case .atomic(let atomic, let place, let value):
            let operand = values[value.index]
            for lane in active {
                let before = try atomicLoad(place, lane, type)
                result[lane] = before
                try atomicStore(place, lane, type, try Scalars.atomic(atomic, type.scalar)(before, operand[lane]))
            }
        case .compareExchange(let place, let expected, let replacement):
            for lane in active {
                let before = try atomicLoad(place, lane, type)
                result[lane] = before
                if before == values[expected.index][lane] {
                    try atomicStore(place, lane, type, values[replacement.index][lane])
                }
            }
        case .subgroup(let operation, let extent, let a): try subgroup(operation, extent, a, type, &result)
        case .broadcast(let a, let lane), .shuffle(let a, let lane):
            try shuffle(a, type, &result) { lanes, own in Int(truncatingIfNeeded: lanes[lane.index][own]) }
        case .shuffleXor(let a, let mask):
            let subgroupSize = interpreter.subgroupSize
            try shuffle(a, type, &result) { lanes, own in
                (own % subgroupSize) ^ Int(truncatingIfNeeded: lanes[mask.index][own])
            }
        }
        return result
    }

    private func builtin(_ builtin: Builtin, _ lane: Int) -> UInt32 {
        func local(_ axis: Axis) -> Int {
            switch axis {
            case .x: lane % size[0]
            case .y: lane / size[0] % size[1]
            case .z: lane / (size[0] * size[1])
            }
        }
        let subgroup = interpreter.subgroupSize
        let number =
            switch builtin {
            case .globalID(let axis): group[axis.rawValue] * size[axis.rawValue] + local(axis)
            case .localID(let axis): local(axis)
            case .workgroupID(let axis): group[axis.rawValue]
            case .workgroupCount(let axis): count[axis.rawValue]
            case .workgroupSize(let axis): size[axis.rawValue]
            case .localIndex: lane
            case .subgroupSize: subgroup
            case .subgroupCount: (lanes + subgroup - 1) / subgroup
            case .subgroupID: lane / subgroup
            case .subgroupLane: lane % subgroup
            }
        return UInt32(truncatingIfNeeded: number)
    }

    private func bitcast(_ a: ValueID, _ type: KernelType, _ result: inout [UInt64]) {
        let (x, from) = (values[a.index], kernel.types[a.index])
        let width = type.width
        if from.width == width {
            for lane in active { for i in lane * width..<(lane + 1) * width { result[i] = x[i] } }
            return
        }
        // The lowest component holds the lowest bits.
        for lane in active {
            for part in 0..<width {
                let bit = part * type.bits
                if type.bits <= from.bits {
                    let word = x[lane * from.width + bit / from.bits] >> UInt64(bit % from.bits)
                    result[lane * width + part] = word & Literal.mask(type.bits)
                } else {
                    var word: UInt64 = 0
                    for piece in 0..<type.bits / from.bits {
                        let source = x[lane * from.width + bit / from.bits + piece]
                        word |= source << UInt64(piece * from.bits)
                    }
                    result[lane * width + part] = word
                }
            }
        }
    }

    private func subgroup(
        _ operation: SubgroupOperator, _ extent: SubgroupExtent, _ a: ValueID, _ type: KernelType,
        _ result: inout [UInt64]
    ) throws(KernelError) {
        let (x, width) = (values[a.index], type.width)
        let function = Scalars.binary(operation.binary, type.scalar)
        let subgroups = Set(active.map { $0 / interpreter.subgroupSize })
        for subgroup in subgroups {
            let members = active.filter { $0 / interpreter.subgroupSize == subgroup }
            for part in 0..<width {
                var sum = Scalars.identity(operation, type.scalar)
                for lane in members {
                    let next = try function(sum, x[lane * width + part])
                    result[lane * width + part] = extent == .exclusive ? sum : next
                    sum = next
                }
                if extent == .reduce { for lane in members { result[lane * width + part] = sum } }
            }
        }
    }

    private func shuffle(
        _ a: ValueID, _ type: KernelType, _ result: inout [UInt64], _ source: ([[UInt64]], Int) -> Int
    ) throws(KernelError) {
        let (x, width) = (values[a.index], type.width)
        let isActive = Set(active)
        for lane in active {
            let chosen = source(values, lane)
            let from = lane / interpreter.subgroupSize * interpreter.subgroupSize + chosen
            guard (0..<interpreter.subgroupSize).contains(chosen), isActive.contains(from) else {
                throw .undefinedBehaviour("a shuffle from lane \(chosen), which does not run")
            }
            for part in 0..<width { result[lane * width + part] = x[from * width + part] }
        }
    }
}

extension SubgroupOperator {
    /// The operation on two values.
    var binary: BinaryOperator {
        switch self {
        case .add: .add
        case .minimum: .minimum
        case .maximum: .maximum
        }
    }
}
