// Free memory as device trees describe it: several ranges, and what they reserve.

import Drivers
import Testing

private func memory(_ name: String, _ reg: [UInt8], _ more: [(String, [UInt8])] = []) -> TreeNode {
    TreeNode(name, [("device_type", strings("memory")), ("reg", reg)] + more)
}

private func pieces(_ map: MemoryMap) -> [Range<UInt64>] {
    (0..<map.count).map { map[$0] }.sorted { $0.lowerBound < $1.lowerBound }
}

/// The pieces that are left of a tree's memory.
private func free(_ bytes: [UInt8], below limit: UInt64 = 1 << 37) throws -> [Range<UInt64>] {
    let found = withTree(bytes) { tree in
        var map = MemoryMap(tree, below: limit)
        map.removeReserved(of: tree)
        return pieces(map)
    }
    return try #require(found)
}

@Suite struct MemoryMapTests {
    @Test func rangesOfSeveralNodesAndOfOneAreAllFound() throws {
        let tree = deviceTree(
            board(
                memory("memory@80000000", cells(0, 0x8000_0000, 0, 0x400_0000)),
                memory("memory@84000000", cells(0, 0x8400_0000, 0, 0x400_0000)),
                memory("memory@1000000000", cells(0x10, 0, 0, 0x1000_0000, 0x10, 0x2000_0000, 0, 0x1000_0000))))
        #expect(
            try free(tree) == [
                0x8000_0000..<0x8800_0000, 0x10_0000_0000..<0x10_1000_0000, 0x10_2000_0000..<0x10_3000_0000,
            ])
        #expect(try free(tree, below: 0x10_0800_0000).last == 0x10_0000_0000..<0x10_0800_0000)
    }

    @Test func disabledEmptyAndImpossibleMemoryIsNone() throws {
        let tree = deviceTree(
            board(
                memory("memory@80000000", cells(0, 0x8000_0000, 0, 0x10_0000)),
                memory("memory@90000000", cells(0, 0x9000_0000, 0, 0x10_0000), [("status", strings("disabled"))]),
                TreeNode("bus", [("status", strings("fail"))], [memory("memory@0", cells(0, 0, 1))]),
                memory("memory@a0000000", cells(0, 0xa000_0000, 0, 0)),
                memory("memory@b0000000", cells(0, 0xb000_0000, 0)),
                memory("memory@c0000000", cells(0, 0xc000_0800, 0, 0x1000)),
                TreeNode("memory@d0000000", [("reg", cells(0, 0xd000_0000, 0, 0x10_0000))])))
        #expect(try free(tree) == [0x8000_0000..<0x8010_0000])
    }

    @Test func reservationsOfBothKindsAreTakenAway() throws {
        let root = board(
            memory("memory@80000000", cells(0, 0x8000_0000, 0, 0x100_0000)),
            TreeNode(
                "reserved-memory", [("#address-cells", cells(2)), ("#size-cells", cells(2)), ("ranges", [])],
                [
                    TreeNode("firmware@80000000", [("reg", cells(0, 0x8000_0000, 0, 0x2_0000)), ("no-map", [])]),
                    TreeNode("two@80400100", [("reg", cells(0, 0x8040_0100, 0, 0x10, 0, 0x8050_0ff0, 0, 0x20))]),
                    TreeNode(
                        "off@80600000", [("reg", cells(0, 0x8060_0000, 0, 0x1000)), ("status", strings("disabled"))]),
                    TreeNode("anywhere", [("size", cells(0, 0x10_0000))]),
                ]),
            TreeNode("soc", [], [TreeNode("not-reserved@80700000", [("reg", cells(0, 0x8070_0000, 0x1000))])]))
        let tree = deviceTree(root, reserving: [(0x80f0_0000, 0x1234), (0x80f0_1000, 0x1000), (0x1000, 0x1000)])
        #expect(
            try free(tree) == [
                0x8002_0000..<0x8040_0000, 0x8040_1000..<0x8050_0000, 0x8050_2000..<0x80f0_0000,
                0x80f0_2000..<0x8100_0000,
            ])
    }

    @Test func aReservationOfEverythingOrBeyondTheEndLeavesNothingThere() throws {
        let root = board(memory("memory@80000000", cells(0, 0x8000_0000, 0, 0x100_0000)))
        #expect(try free(deviceTree(root, reserving: [(0, UInt64.max)])) == [])
        #expect(try free(deviceTree(root, reserving: [(0x8080_0000, UInt64.max)])) == [0x8000_0000..<0x8080_0000])
        #expect(try free(deviceTree(root, reserving: [(UInt64.max, 5)])) == [0x8000_0000..<0x8100_0000])
    }

    @Test func morePiecesThanAreKeptCostTheSmallest() {
        var map = MemoryMap()
        map.add(0..<0x1000_0000)
        for i in 1..<100 as Range<UInt64> { map.remove(i * 0x10_0000..<(i * 0x10_0000 + 1)) }
        #expect(map.count == MemoryMap.limit)
        #expect(pieces(map).last == 0x631_1000..<0x1000_0000 || pieces(map).last == 0x630_1000..<0x1000_0000)
    }

    @Test func anythingAddedAndRemovedIsWhatASetOfPagesSays() {
        var random = SeededRandom(seed: 7)
        for _ in 0..<300 {
            var map = MemoryMap()
            var pages: Set<UInt64> = []
            for _ in 0..<8 {
                let start = UInt64.random(in: 0..<40 * 4096, using: &random)
                let end = start + UInt64.random(in: 0..<12 * 4096, using: &random)
                if Bool.random(using: &random) {
                    map.add(start..<end)
                    pages.formUnion((0..<64).filter { $0 * 4096 >= start && $0 * 4096 + 4096 <= end })
                } else {
                    map.remove(start..<end)
                    pages.subtract((0..<64).filter { start < end && $0 * 4096 < end && start < $0 * 4096 + 4096 })
                }
            }
            let kept = (0..<64 as Range<UInt64>).filter { map.piece(at: $0 * 4096) != nil }
            #expect(Set(kept) == pages)
            #expect(map.byteCount == UInt64(pages.count) * 4096)
        }
    }
}
