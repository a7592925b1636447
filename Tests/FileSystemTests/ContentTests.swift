// read and write: rule by rule.

import DiskImage
import FileSystem
import SystemInterface
import Testing

@Suite struct ContentTests {
    @Test func whatIsWrittenIsReadAtAnyOffset() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        let file = try system.open("/f", [.create, .readWrite]).inode
        var model: [UInt8] = []
        var random = Seeded(1)
        for round in 0..<100 {
            let offset = Int.random(in: 0...min(model.count, 100_000), using: &random)
            let bytes = pattern(Int.random(in: 0...5000, using: &random), seed: round)
            #expect(system.write(file, at: offset, bytes) == WriteOutcome(count: bytes.count, error: nil))
            if offset + bytes.count > model.count {
                model += [UInt8](repeating: 0, count: offset + bytes.count - model.count)
            }
            model.replaceSubrange(offset..<offset + bytes.count, with: bytes)
            let start = Int.random(in: 0...model.count + 2000, using: &random)
            let count = Int.random(in: 0...6000, using: &random)
            #expect(try system.read(file, at: start, count) == Array(model.dropFirst(start).prefix(count)))
        }
        _ = consume file
        #expect(try mount(disk).contents(of: "/f") == model)
        try system.synchronize()
        #expect(try findings(disk) == [])
    }

    @Test func aFileHas268BlocksAtMost() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        let free = system.freeBlocks
        let file = try system.open("/f", [.create, .readWrite]).inode
        #expect(system.write(file, at: 0, pattern(274_432)) == WriteOutcome(count: 274_432, error: nil))
        #expect(try system.read(file, at: 0, 300_000) == pattern(274_432))
        #expect(system.write(file, at: 274_432, [1]) == WriteOutcome(count: 0, error: .fileTooLarge))
        #expect(system.write(file, at: 274_431, [1, 2]) == WriteOutcome(count: 1, error: .fileTooLarge))
        #expect(free - system.freeBlocks == 269)
        _ = consume file
        try system.unlink("/f")
        #expect(system.freeBlocks == free)
    }

    @Test func theDoubleIndirectFeatureLiftsTheLimit() throws {
        let disk = try makeDisk(makeLayout(blocks: 9000, doubleIndirect: true))
        #expect(disk.number(at: 1024 + 32, as: UInt32.self) == 1)
        let system = try mount(disk)
        #expect(system.layout.mostFileBlocks == 11 + 256 + 65536)
        let free = system.freeBlocks
        let size = 2000 * 1024 + 77
        try system.write(pattern(size), to: "/f")
        #expect(try system.contents(of: "/f") == pattern(size))
        try system.synchronize()
        #expect(try findings(disk) == [])
        _ = try system.open("/f", [.truncate, .readWrite])
        #expect(system.freeBlocks == free)
        try system.write(pattern(size, seed: 2), to: "/f")
        try system.unlink("/f")
        #expect(system.freeBlocks == free)
        #expect(system.freeInodes == 62)
        try system.synchronize()
        #expect(try findings(disk) == [])
    }

    @Test func aWriteBeyondTheEndFails() throws {
        let system = try mount(makeDisk())
        let file = try system.open("/f", [.create, .readWrite]).inode
        #expect(system.write(file, at: 1, [1]) == WriteOutcome(count: 0, error: .invalidArgument))
        var source = FaultySource(left: 100)
        #expect(
            system.write(file, at: UInt64.max - 3, count: 100, from: &source)
                == WriteOutcome(count: 0, error: .invalidArgument))
        _ = consume file
    }

    @Test func directoriesReadAsEntriesAndAreNotWritten() throws {
        let system = try mount(makeDisk())
        let root = try system.root()
        #expect(
            try system.read(root, at: 0, 1000) == [1, 0, 46] + [UInt8](repeating: 0, count: 13) + [1, 0, 46, 46]
                + [UInt8](repeating: 0, count: 12))
        #expect(system.write(root, at: 0, [1]) == WriteOutcome(count: 0, error: .isDirectory))
        try system.makeNode("/n", 1, 1)
        let node = try system.lookUp("/n")
        #expect(system.write(node, at: 0, [1]) == WriteOutcome(count: 0, error: .invalidArgument))
        #expect(failure { () throws(SystemError) in _ = try system.read(node, at: 0, 1) } == .invalidArgument)
        _ = consume node
        _ = consume root
    }

    @Test func aBadAddressLeavesWhatWasWrittenBefore() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        let file = try system.open("/f", [.create, .readWrite]).inode
        for good in [0, 1, 1023, 1024, 1025, 30_000, 70_000] {
            let size = Int(try system.status(file).size)
            var source = FaultySource(left: good)
            #expect(
                system.write(file, at: UInt64(size), count: 1 << 40, from: &source)
                    == WriteOutcome(count: good, error: .badAddress))
            #expect(try system.status(file).size == UInt64(size + good))
            #expect(try system.read(file, at: size, good) == [UInt8](repeating: 0x5A, count: good))
        }
        var sink = FaultySink(left: 5000)
        #expect(
            failure { () throws(SystemError) in _ = try system.read(file, at: 0, count: .max, into: &sink) }
                == .badAddress)
        _ = consume file
        try system.unlink("/f")
        #expect(system.freeInodes == 62)
        try system.synchronize()
        #expect(try findings(disk) == [])
    }

    @Test func failedWritesLoseNoBlocks() throws {
        // xv6's badwrite: many writes from a bad address, then all blocks are there again.
        let system = try mount(makeDisk())
        let free = system.freeBlocks
        for _ in 0..<1200 {
            let file = try system.open("/junk", [.create, .writeOnly]).inode
            var source = FaultySource(left: 0)
            #expect(system.write(file, at: 0, count: 1, from: &source).error == .badAddress)
            _ = consume file
            try system.unlink("/junk")
        }
        #expect(system.freeBlocks == free)
    }

    @Test func missingBlocksReadAsZerosAndCanBeWritten() throws {
        let disk = try makeDisk()
        try mount(disk).touch("/f")
        disk.put(UInt32(20_000), at: 33 * 1024 + 2 * 64 + 8)  // a size without blocks
        disk.put(Int32(0), at: 2048)
        let system = try mount(disk)
        #expect(try system.contents(of: "/f") == [UInt8](repeating: 0, count: 20_000))
        let file = try system.open("/f", [.readWrite]).inode
        #expect(system.write(file, at: 15_000, [1, 2]).error == nil)
        #expect(try system.read(file, at: 14_999, 4) == [0, 1, 2, 0])
        _ = consume file
        try system.synchronize()
        #expect(try findings(disk) == [])
    }

    @Test func manyBuffersAreNotNeeded() throws {
        let disk = try makeDisk(makeLayout(blocks: 3000))
        let system = try mount(disk, buffers: 0)  // the fewest there can be
        for index in 0..<5 { try system.write(pattern(200_000, seed: index), to: "/f\(index)") }
        for index in 0..<5 { #expect(try system.contents(of: "/f\(index)") == pattern(200_000, seed: index)) }
    }
}
