// The power fails while the guest writes: QEMU is killed at a random moment, again and again, and the disk must be
// whole each time. (Tests/FileSystemTests cuts at every single write; this is the whole system, device and driver
// included.)

import Foundation
import Testing

@Suite(.keepsGuests) struct PowerCutTests {
    static let cuts = 50

    @Test func diskIsWholeAfterEveryPowerCut() throws {
        var random = SplitMix(seed: UInt64.random(in: 0 ... .max))
        print("power cuts: \(Self.cuts) at random moments, seed \(random.seed)")
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-cut-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let disk = folder.appendingPathComponent("fs.img")
        try FileManager.default.copyItem(at: projectFolder.appendingPathComponent("build/fs.img"), to: disk)
        // A script for the guest's shell, which has no loops: writers side by side.
        let script = folder.appendingPathComponent("work")
        try Self.work.write(to: script, atomically: true, encoding: .utf8)
        #expect(try runOnHost(["build/tools/release/mkfs", "--update", disk.path, script.path]).status == 0)
        for cut in 1...Self.cuts {
            let guest = try Guest(["CPUS": "2"], image: disk)
            try guest.waitForShell()
            // What was promised before the last cut is there: the file that was complete then.
            if cut > 1 { #expect(try guest.run("cat promised") == "cut \(cut - 1)") }
            #expect(try guest.run("echo cut \(cut) > promised; cat promised") == "cut \(cut)")
            guest.type("sh work\n")
            try guest.wait(for: "begun")
            guest.cutPower(after: Double(random.next() % 400) / 1000)
            let check = try runOnHost(["build/tools/release/fsck", disk.path])
            // The log may hold a transaction that the next mount brings home; everything else must be right.
            guard check.status == 0 else {
                Issue.record("cut \(cut), seed \(random.seed), image kept in \(folder.path): fsck says \(check.output)")
                return
            }
        }
        let guest = try Guest(image: disk)
        try guest.waitForShell()
        try guest.halt()
        try FileManager.default.removeItem(at: folder)
    }

    private static var work: String {
        let writers = ["a", "b", "c"].map { name in
            let round =
                "mkdir d\(name); cat README > d\(name)/x; ln d\(name)/x y\(name); cat sh >> y\(name); rm d\(name)/x y\(name) d\(name)"
            return "(" + Array(repeating: round, count: 30).joined(separator: "; ") + ") &\n"
        }
        return "echo begun\n" + writers.joined() + "wait\n"
    }
}

/// A small random generator that can be replayed from its seed (Steele, Lea, Flood: SplitMix64).
struct SplitMix {
    let seed: UInt64
    private var state: UInt64

    init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
