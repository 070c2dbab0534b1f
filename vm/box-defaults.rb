# Inside the box: what any Vagrantfile that uses it needs to know of its disk.
Vagrant.configure("2") do |config|
  config.vm.provider :libvirt do |libvirt|
    libvirt.disk_bus = "virtio"
  end
end
