# Sinatra behind Rack::Sendfile. FILES names the directory that is meant to be served.
require 'sinatra/base'

class Downloads < Sinatra::Base
  set :environment, :production
  base = File.expand_path(ENV.fetch('FILES', 'files'))

  get('/') { 'ready' }
  get('/download') { send_file File.join(base, params['file'].to_s) }
end

use Rack::Sendfile, ENV['SENDFILE'] # 'X-Sendfile', or none
run Downloads
