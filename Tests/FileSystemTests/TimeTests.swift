// When files were changed last: where xv6 has nothing, and only when the time is known.

import DiskImage
import FileSystem
import SystemInterface
import Testing

@Suite struct TimeTests {
    private func modified(_ system: borrowing TestFileSystem, _ path: String) throws -> UInt32 {
        try system.status(path).modified
    }

    @Test func everyChangeOfContentIsNoted() throws {
        let disk = try makeDisk()
        do {
            let platform = HostPlatform<TestDisk, NoMonitor>(disk)
            platform.time = 1000
            let system = try TestFileSystem.mount(platform, buffers: 64, inodes: 20)
            try system.write([1, 2, 3], to: "/f")
            try system.makeDirectory("/d")
            #expect(
                try modified(system, "/f") == 1000 && modified(system, "/d") == 1000 && modified(system, "/") == 1000)
            // Bytes in the middle, without a change of size.
            platform.time = 0xfedc_ba98
            let file = try system.open("/f", .readWrite)
            #expect(system.write(file.inode, at: 1, [9]).count == 1)
            _ = consume file
            #expect(try modified(system, "/f") == 0xfedc_ba98)
            platform.time = 3000
            try system.makeDirectory("/d/e")
            #expect(try modified(system, "/d") == 3000 && modified(system, "/") == 1000)
            platform.time = 4000
            try system.unlink("/d/e")
            #expect(try modified(system, "/d") == 4000)
            // Another name changes the directory, not the file; so does reading.
            platform.time = 5000
            try system.link("/f", "/g")
            #expect(try system.contents(of: "/g") == [1, 9, 3])
            #expect(try modified(system, "/g") == 0xfedc_ba98 && modified(system, "/") == 5000)
            platform.time = 6000
            let emptied = try system.open("/f", [.truncate])
            #expect(try system.status(emptied.inode).modified == 6000)
            _ = consume emptied
            // A device has its numbers.
            try system.makeNode("/console", 1, 2)
            let device = try system.open("/console")
            #expect(device.major == 1 && device.minor == 2)
            #expect(try system.status(device.inode).modified == 0)
            _ = consume device
            try system.synchronize()
        }
        #expect(try errors(disk).isEmpty)
        let again = try mount(disk)
        #expect(try modified(again, "/f") == 6000 && modified(again, "/d") == 4000)
        // Without a clock a change leaves the time as it is, and what is new has none.
        try again.write([7], to: "/f")
        try again.write([7], to: "/new")
        #expect(try modified(again, "/f") == 6000 && modified(again, "/new") == 0)
    }
}
