// Heterodyne: memory of kernels whose 64-bit numbers are emulated.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

extension Emulator {
    /// The index of an element as a value that memory takes: of an emulated 64-bit index the low word, or all of it where the
    /// device has such integers.
    private func index(_ id: ValueID) throws(KernelError) -> KernelValue {
        switch try value(id) {
        case .plain(let value): return value
        case .words(let words): return options.hasInt64 ? native(words, .uint64) : words.low.value
        case .float: throw .typeMismatch("the index \(id) is a float64")
        }
    }

    /// The same place of the new kernel, for elements that keep their type.
    func renamed(_ place: Place) throws(KernelError) -> Place {
        switch place {
        case .buffer(let buffer, let id): .buffer(buffer, index: try index(id).id)
        case .workgroup(let array, let id): .workgroup(arrays[array].first, index: try index(id).id)
        case .table(let table, let id): .table(tables[table].first, index: try index(id).id)
        case .variable(let variable): .variable(variables[variable].first)
        }
    }

    /// The two places of an element that is not in a buffer.
    private func places(_ place: Place) throws(KernelError) -> (first: Place, second: Place) {
        func pair(_ parts: Parts, _ make: (Int) -> Place) -> (first: Place, second: Place) {
            (make(parts.first), make(parts.second ?? parts.first))
        }
        switch place {
        case .workgroup(let array, let id):
            let index = try index(id).id
            return pair(arrays[array]) { .workgroup($0, index: index) }
        case .table(let table, let id):
            let index = try index(id).id
            return pair(tables[table]) { .table($0, index: index) }
        case .variable(let variable): return pair(variables[variable]) { .variable($0) }
        case .buffer: throw .undeclared("an element of a buffer has one place")
        }
    }

    /// The places of the two vectors of four words that a vector of four elements is.
    private func quarters(_ buffer: Int, _ id: ValueID) throws(KernelError) -> (first: Place, second: Place) {
        var index = try index(id)
        if index.type == .i32 { index = index.bitcast(to: .u32) }
        let first = index + index
        return (.buffer(buffer, index: first.id), .buffer(buffer, index: (first + 1).id))
    }

    /// Words that lie one after another, low before high.
    func joined(_ parts: [KernelValue]) -> KernelValue {
        parts.count == 1 ? parts[0] : k.define(.construct(parts.map(\.id)), .u32.with(width: parts.count))
    }

    /// The words of elements from words as they lie in memory.
    func separated(_ raw: [KernelValue]) -> KernelWords {
        let parts = raw.flatMap { value in (0..<value.type.width).map { value[$0] } }
        let low = stride(from: 0, to: parts.count, by: 2).map { parts[$0] }
        let high = stride(from: 1, to: parts.count, by: 2).map { parts[$0] }
        return KernelWords(low: word(joined(low)), high: word(joined(high)))
    }

    /// The words of elements as they lie in memory, low before high.
    func interleaved(_ words: KernelWords) -> [KernelValue] {
        let (low, high) = (words.low.value, words.high.value)
        if low.type.width == 1 { return [low, high] }
        return (0..<low.type.width).flatMap { [low[$0], high[$0]] }
    }

    func load(_ place: Place, _ type: KernelType) throws(KernelError) -> EmulatedValue {
        let raw: KernelWords
        switch place {
        case .buffer(let buffer, let id):
            if type.width == 4 {
                let (first, second) = try quarters(buffer, id)
                let four = KernelType.u32.with(width: 4)
                raw = separated([k.define(.load(first), four), k.define(.load(second), four)])
            } else {
                raw = separated([k.define(.load(try renamed(place)), .u32.with(width: 2 * type.width))])
            }
        case .workgroup, .table, .variable:
            let (first, second) = try places(place)
            let (a, b) = (k.define(.load(first), half(type)), k.define(.load(second), half(type)))
            if type.isFloat { return .float(KernelPair(high: lane(a), low: lane(b)), bits: nil) }
            return .words(KernelWords(low: word(a), high: word(b)))
        }
        return type.isFloat ? float(raw) : .words(raw)
    }

    func store(_ place: Place, _ id: ValueID) throws(KernelError) {
        let raw: KernelWords
        switch (try value(id), place) {
        case (.plain(let value), _):
            k.append(.store(try renamed(place), value.id))
            return
        case (.words(let words), .buffer): raw = words
        case (.float(let pair, let kept), .buffer): raw = bits(pair, kept)
        case (.words(let words), _):
            let (first, second) = try places(place)
            k.append(.store(first, words.low.value.id))
            k.append(.store(second, words.high.value.id))
            return
        case (.float(let pair, _), _):
            let (first, second) = try places(place)
            k.append(.store(first, pair.high.value.id))
            k.append(.store(second, pair.low.value.id))
            return
        }
        let parts = interleaved(raw)
        if parts.count == 8, case .buffer(let buffer, let index) = place {
            let (first, second) = try quarters(buffer, index)
            k.append(.store(first, joined(Array(parts[..<4])).id))
            k.append(.store(second, joined(Array(parts[4...])).id))
        } else {
            k.append(.store(try renamed(place), joined(parts).id))
        }
    }
}
