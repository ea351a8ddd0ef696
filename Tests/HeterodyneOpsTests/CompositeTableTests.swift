// Heterodyne: docs/Composites.md names every composite and its attributes.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneGraph
import HeterodyneOps
import Testing

@Suite("Table of composites")
struct CompositeTableTests {
    /// Rows of the tables: the names in the first column, and the words in backquotes of the last.
    private func rows() throws -> [(names: [String], attributes: Set<String>)] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("docs/Composites.md"), encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
            guard cells.count == 5, cells[1].contains("`") else { return nil }
            return (quoted(cells[1]), Set(quoted(cells[3])))
        }
    }

    private func quoted(_ text: Substring) -> [String] {
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    @Test("every composite has one name, and samples or cases")
    func coverage() {
        let names = StandardComposites.all.map { $0.name }
        #expect(Set(names).count == names.count)
        #expect(Set(names) == Set(CompositeRegistry.standard.names))
        let neural = Set(NeuralSamples.all.map(\.composite.name))
        let data = Set(DataCases.all.map(\.composite.name))
        #expect(neural.union(data) == Set(names))
        #expect(neural.isDisjoint(with: data))
    }

    @Test("every composite stands in the table once, and no other name")
    func names() throws {
        let names = try rows().flatMap(\.names)
        let defined = Set(CompositeRegistry.standard.names)
        #expect(defined.subtracting(names).isEmpty, "give these composites a row in docs/Composites.md")
        #expect(Set(names).subtracting(defined).isEmpty, "docs/Composites.md has rows of composites that do not exist")
        #expect(Set(names).count == names.count, "docs/Composites.md names a composite twice")
    }

    @Test("the table has every attribute of the neural composites")
    func attributes() throws {
        let rows = try rows()
        for sample in NeuralSamples.all {
            let row = try #require(rows.first { $0.names.contains(sample.composite.name) })
            for entry in sample.composite.attributes.entries {
                #expect(row.attributes.contains(entry.name), "\(sample.composite.name): \(entry.name)")
            }
        }
    }
}
