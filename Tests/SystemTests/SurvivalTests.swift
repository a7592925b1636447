// What the machine survives: all memory taken, the first shell ended, /init ended.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct SurvivalTests {
    /// Processes hold all memory while another writes to shared pages and ends the shell: only a process that holds
    /// memory pays, init starts another shell, and everything works afterwards.
    @Test(arguments: [1, 3]) func allMemoryTakenEndsNeitherInitNorTheMachine(harts: Int) throws {
        let guest = try Guest(["CPUS": "\(harts)"])
        try guest.waitForShell()
        let free = try guest.run("free")
        #expect(
            try guest.run("memhog 2; echo status $?", seconds: 60).contains("memhog: 2 is what was written\nstatus 0"))
        guest.type("memhog 3 2\n")  // pid 2 is the first shell
        try guest.waitForShell()
        #expect(!guest.transcript.contains("panic"))
        // What held the memory ends after some seconds of the guest's, more of a busy host's.
        let deadline = Date(timeIntervalSinceNow: 90)
        func isBack() throws -> Bool {
            try guest.run("free", seconds: 60).split(separator: " ").last == free.split(separator: " ").last
        }
        while try !isBack(), Date() < deadline { _ = try guest.run("sleep 1", seconds: 60) }
        #expect(try isBack())
        #expect(try guest.run("echo alive").hasSuffix("alive"))
        try guest.halt()
    }

    /// An /init that ends at once is executed anew, once a second; the machine does not stop.
    @Test func anInitThatEndsIsExecutedAnew() throws {
        let image = FileManager.default.temporaryDirectory.appendingPathComponent(
            "swiftlet-init-\(UUID().uuidString).img")
        try FileManager.default.copyItem(at: projectFolder.appendingPathComponent("build/fs.img"), to: image)
        defer { try? FileManager.default.removeItem(at: image) }
        let update = try runOnHost(["build/tools/release/mkfs", "--update", image.path, "init=build/programs/true"])
        #expect(update.status == 0, "\(update.output)")
        let guest = try Guest(image: image)
        for _ in 0..<2 { try guest.wait(for: "init ended with status 0: /init is executed anew") }
        #expect(!guest.transcript.contains("panic"))
    }
}
