// The log: recovery, its limits, and the order of writes.

import DiskImage
import FileSystem
import SystemInterface
import Testing

@Suite struct LogTests {
    /// A log as xv6 leaves it after a crash between the header and the home blocks.
    @Test func aCommittedTransactionIsBroughtHome() throws {
        let disk = try makeDisk()
        try mount(disk).write(pattern(2000), to: "/f")
        let block = Int(disk.number(at: 33 * 1024 + 2 * 64 + 12, as: UInt32.self))
        disk.put(Int32(2), at: 2048)
        disk.put(Int32(block), at: 2052)
        disk.put(Int32(block), at: 2056)  // two versions: the later one wins
        for index in 0..<1024 {
            disk[3 * 1024 + index] = 1
            disk[4 * 1024 + index] = 2
        }
        #expect(try findings(disk).map(\.kind) == [.logPending])
        let system = try mount(disk)
        #expect(disk.number(at: 2048, as: Int32.self) == 0)
        #expect(try system.contents(of: "/f").prefix(1024) == [UInt8](repeating: 2, count: 1024)[...])
        #expect(Array(disk.image[block * 1024..<block * 1024 + 1024]) == [UInt8](repeating: 2, count: 1024))
    }

    @Test func anUncommittedTransactionIsAsIfItHadNotBeen() throws {
        let disk = try makeDisk()
        for byte in 3 * 1024..<33 * 1024 { disk[byte] = 0xEE }
        let system = try mount(disk)
        #expect(try system.names("/") == [".", ".."])
    }

    @Test func anImpossibleHeaderIsRefused() throws {
        // n out of range; a home block in front of the inodes, in the log itself, beyond the end.
        for (count, home) in [
            (-1, 40), (31, 40), (Int32.max, 40), (Int32.min, 40), (1, 0), (1, 1), (1, 5), (1, 1000), (1, -1),
        ] as [(Int32, Int32)] {
            let disk = try makeDisk()
            disk.put(count, at: 2048)
            disk.put(home, at: 2052)
            let before = disk.image
            let console = Console()
            #expect(failure { () throws(SystemError) in _ = try mount(disk, console: console) } == .inputOutput)
            #expect(console.lines == ["file system: the log is damaged"])
            #expect(disk.image == before)
            #expect(try findings(disk).map(\.kind) == [.logHeader])
        }
    }

    @Test(arguments: [13, 20, 30, 31, 100] as [UInt32], [false, true])
    func transactionsFitTheLog(length: UInt32, doubleIndirect: Bool) throws {
        let disk = try makeDisk(makeLayout(inodes: 160, log: length, doubleIndirect: doubleIndirect))
        let system = try mount(disk)
        let most = Int32(min(30, length - 1))
        disk.startRecording()
        try system.write(pattern(268 * 1024), to: "/f")
        for index in 0..<70 {
            try system.makeDirectory("/d\(index % 40)\(index / 40)")
            try system.link("/f", "/d00/\(index)")
        }
        for index in 0..<70 { try system.unlink("/d00/\(index)") }
        try system.unlink("/f")
        for event in disk.stopRecording() {
            if case .write(2, let data) = event {
                let count = Int32(data[0]) | Int32(data[1]) << 8 | Int32(data[2]) << 16 | Int32(data[3]) << 24
                #expect(count >= 0 && count <= most)
            }
            if case .write(let block, _) = event { #expect(block >= 2) }
        }
        try system.synchronize()
        #expect(try findings(disk) == [])
    }

    @Test func aCallThatChangesNothingWritesNothing() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        try system.write([1], to: "/f")
        try system.makeDirectory("/d")
        disk.startRecording()
        _ = try system.contents(of: "/f")
        _ = try system.status("/d")
        try system.touch("/f")
        _ = try system.open("/d")
        #expect(failure { () throws(SystemError) in try system.makeDirectory("/d") } == .fileExists)
        #expect(failure { () throws(SystemError) in try system.unlink("/nope") } == .noSuchFile)
        #expect(disk.stopRecording().isEmpty)
    }

    @Test func aCommitIsTwoFlushesAndTheHeaderComesBetween() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        disk.startRecording()
        try system.touch("/f")
        let kinds = disk.stopRecording().map { event in
            switch event {
            case .write(2, _): "header"
            case .write(let block, _): block < 33 ? "log" : "home"
            case .flush: "flush"
            case .returned: "returned"
            }
        }
        #expect(kinds == ["log", "log", "flush", "header", "flush", "home", "home"])
    }

    @Test func orphansAreFreedAtMount() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        let free = system.freeBlocks
        try system.write(pattern(50_000), to: "/f")
        try system.makeDirectory("/d")
        let file = try system.lookUp("/f")
        let directory = try system.lookUp("/d")
        try system.unlink("/f")
        try system.unlink("/d")
        // The power goes while both are open.
        let image = TestDisk(image: disk.image)
        _ = consume file
        _ = consume directory
        #expect(try findings(image).map(\.kind).filter { $0 == .orphan }.count == 2)
        #expect(try errors(image) == [])
        let again = try mount(image)
        #expect(again.freeBlocks == free)
        #expect(again.freeInodes == 62)
        #expect(again.inodesInUse == 0)
        try again.synchronize()
        #expect(try findings(image) == [])
    }
}
